"""The tasks on texts, with a tagger whose answers can be told by looking."""

import numpy as np
import pytest

from auxtasks import AuxTargetGenerator, make_aux_targets
from auxtasks.errors import AuxTasksWarning, InvalidInputError, UnknownNameError
from auxtasks.extractors.text.taggers.base import UNIVERSAL
from tests.extractors.text.toy import ToyTagger

TEXTS = ["The old dog saw Ada Lovelace.", "", "London is a city ."]


def make(tasks, texts=TEXTS, **options):
    return make_aux_targets(texts, "text", tasks, tagger=ToyTagger(), **{"scale": False, **options})


def said(targets, name, row):
    """Return the names of the classes of one text, None where there is none."""
    classes = targets.specs[name].classes
    return [classes[code] if code >= 0 else None for code in targets[name][row]]


def test_parts_of_speech_of_the_models_tokens():
    targets = make(["pos", "pos_fine"])
    # The model's last token of the first text is "lovelace", without the full stop that the tagger sees.
    assert said(targets, "pos", 0) == ["DET", "ADJ", "NOUN", "VERB", "PROPN", "PROPN"]
    assert said(targets, "pos", 1) == [None] * 6
    assert said(targets, "pos", 2) == ["PROPN", "AUX", "DET", "NOUN", None, None]
    assert said(targets, "pos_fine", 2) == ["word"] * 4 + [None] * 2
    assert targets.specs["pos"].per_sample == "pos_histogram"


def test_the_histogram_counts_every_token_of_the_tagger():
    targets = make("pos_histogram")
    shares = dict(zip(UNIVERSAL, targets["pos_histogram"][0], strict=True))
    assert {tag: round(float(share) * 7) for tag, share in shares.items() if share} == {
        "DET": 1, "ADJ": 1, "NOUN": 1, "VERB": 1, "PROPN": 2, "PUNCT": 1,
    }  # fmt: skip
    assert np.isnan(targets["pos_histogram"][1]).all()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["O", "O", "O", "O", "B-PER", "I-PER"]),
        ({"scheme": "flat"}, ["O", "O", "O", "O", "PER", "PER"]),
        ({"types": False}, ["O", "O", "O", "O", "B-ENTITY", "I-ENTITY"]),
        ({"types": False, "scheme": "flat"}, ["O", "O", "O", "O", "ENTITY", "ENTITY"]),
    ],
)
def test_entities_by_scheme_and_type(options, expected):
    assert said(make({"ner": options}), "ner", 0) == expected


def test_without_types_no_types_are_asked_of_the_tagger():
    tagger = ToyTagger()
    make_aux_targets(TEXTS, "text", {"ner": {"types": False}}, tagger=tagger)
    assert tagger.asked == [frozenset({"entity_any_run"})]


def test_pieces_of_a_word_begin_an_entity_once():
    def pieces(text):
        return [(at, min(at + 3, len(text))) for at in range(0, len(text), 3)]

    targets = make("ner", ["Ada", "Lovelace"], tokenizer=pieces)
    assert said(targets, "ner", 1) == ["B-PER", "I-PER", "I-PER"]


def test_an_entity_whose_first_word_vanished_still_begins():
    targets = make("ner", ["Ada Lovelace"], tokenizer=lambda text: [(4, 12)])
    assert said(targets, "ner", 0) == ["B-PER"]


def test_neighbouring_texts_do_not_share_an_entity():
    targets = make("ner", ["London", "Paris", "Ada"])
    assert [said(targets, "ner", row) for row in range(3)] == [["B-LOC"], ["B-LOC"], ["B-PER"]]


def test_entity_types_of_a_text():
    targets = make("entity_presence")
    assert targets.specs["entity_presence"].columns == ("LOC", "PER")
    assert targets["entity_presence"].tolist() == [[0, 1], [-1, -1], [1, 0]]


def test_noun_phrases():
    targets = make("chunk")
    assert said(targets, "chunk", 0) == ["B-NP", "I-NP", "I-NP", "O", "O", "O"]
    assert said(targets, "chunk", 2) == ["O", "O", "B-NP", "I-NP", None, None]


def test_the_tree_of_a_sentence():
    targets = make(["dependency", "tree_depth", {"head_distance": {"limit": 3}}])
    # The root is the full stop, which is no token of the model in the first text.
    assert said(targets, "dependency", 0) == ["other"] * 6
    assert np.array_equal(targets["tree_depth"][0, :, 0], np.ones(6))
    assert targets["head_distance"][0, :, 0].tolist() == [3, 3, 3, 3, 2, 1]
    assert np.isnan(targets["tree_depth"][1]).all()


def test_neighbouring_words_stay_in_their_text():
    targets = make(["next_word", "previous_word", "reconstruction"], ["a b a", "b c"])
    assert said(targets, "next_word", 0) == ["b", "a", None]
    assert said(targets, "next_word", 1) == ["c", None, None]
    assert said(targets, "previous_word", 1) == [None, "b", None]
    assert said(targets, "reconstruction", 0) == ["a", "b", "a"]
    assert [targets.specs[name].lookahead for name in targets] == ["next", "previous", ""]


def test_unknown_words_are_never_a_target():
    generator = AuxTargetGenerator("text", {"next_word": {"vocabulary_size": 2}}).fit(["a a b c", "a b"])
    assert generator.specs_["next_word"].classes == ("a", "b")
    targets = generator.transform(["a b c new a"])
    assert said(targets, "next_word", 0) == ["b", None, None, "a"]
    assert targets.vocabulary == ("", "[UNK]", "a", "b", "c")
    assert targets.inputs.tolist() == [[2, 3, 4, 1]]


def test_shapes_are_read_before_the_tokenizer_lowers_them():
    text = "dog Dog DOG dOg 1,5 A4 日本 A"
    expected = ["lower", "title", "upper", "mixed", "number", "alphanumeric", "other", "title"]
    assert said(make("word_shape", [text]), "word_shape", 0) == expected
    assert said(make("word_shape", [text + " --"], tokenizer="whitespace"), "word_shape", 0)[-1] == "punctuation"


def test_statistics_of_a_text():
    targets = make("text_statistics", ["Ab ab, 1.", "", " "])
    columns = dict(zip(targets.specs["text_statistics"].columns, targets["text_statistics"][0].tolist(), strict=True))
    assert columns == pytest.approx(
        {
            "characters": 9,
            "tokens": 3,
            "mean token length": 5 / 3,
            "type-token ratio": 2 / 3,
            "share of capitals": 1 / 9,
            "share of digits": 1 / 9,
            "share of punctuation": 2 / 9,
        }
    )
    assert np.isnan(targets["text_statistics"][1, 2:]).all()
    assert np.isnan(targets["text_statistics"][2, 2:4]).all()
    assert (targets["text_statistics"][2, 4:] == 0).all()


@pytest.mark.parametrize("tasks", ["next_word", "word_shape", "text_statistics"])
def test_no_tagger_runs_where_no_task_needs_one(tasks):
    tagger = ToyTagger()
    make_aux_targets(["a B", "b c d"], "text", tasks, tagger=tagger)
    assert tagger.asked == []


def test_a_task_without_classes_is_left_out():
    with pytest.warns(AuxTasksWarning, match="'ner' has no class on the training data and is left out"):
        targets = make(["ner", "pos"], ["the dog saw a city"])
    assert list(targets) == ["pos"]


def test_a_class_that_training_did_not_have_is_missing():
    targets = make("ner", ["Ada saw a dog"]).transform(["Ada saw London"])
    assert said(targets, "ner", 0) == ["B-PER", "O", None, None]


def test_unknown_scheme():
    with pytest.raises(UnknownNameError, match="`scheme`"):
        make({"ner": {"scheme": "bilou"}})


def test_untagged_texts_say_what_to_declare():
    documents = []

    def spy(X):
        documents.append(X)
        return np.zeros((X.n, 2), np.float32) + np.arange(X.n)[:, np.newaxis]

    from auxtasks import register_task

    register_task("spy", domain="text", kind="vector", source="this test")(spy)
    make_aux_targets(["a", "b"], "text", "spy")
    with pytest.raises(InvalidInputError, match="declare the columns that the task `needs`"):
        documents[0].said  # noqa: B018


def test_a_token_in_no_tree_has_neither_depth_nor_distance():
    class Halves(ToyTagger):
        def annotate(self, corpus, needs):
            said = super().annotate(corpus, needs)
            said.columns["depth"][::2] = -1
            return said

    targets = make_aux_targets(
        [["a", "dog", "saw"]], "text", ["tree_depth", "head_distance"], tagger=Halves(), scale=False
    )
    for name in targets:
        assert np.isnan(targets[name][0, :, 0]).tolist() == [True, False, True]
