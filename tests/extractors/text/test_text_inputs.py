"""What texts may be, how they are refused, and how they are laid out for a model."""

import numpy as np
import pandas as pd
import pytest

from auxtasks import AuxTargetGenerator, make_aux_targets
from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.extractors.text.reading import read_texts
from tests.extractors.text.toy import ToyTagger

TEXTS = ["the old dog", "", "a city"]


@pytest.mark.parametrize(
    "X",
    [
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, object),
        np.array(TEXTS, np.dtypes.StringDType()) if hasattr(np.dtypes, "StringDType") else np.array(TEXTS),
        pd.Series(TEXTS),
        pd.Series(TEXTS, dtype="string"),
        pd.Series(TEXTS, dtype="category"),
    ],
    ids=["list", "tuple", "U", "object", "StringDType", "Series", "Series of string", "Series of category"],
)
def test_texts_in_any_form(X):
    assert read_texts(X).texts == tuple(TEXTS)


@pytest.mark.parametrize("as_given", [list, tuple, np.array])
def test_given_tokens_are_the_models_tokens(as_given):
    tokens = [["the", "old", "dog"], ["New York", "is", "a"]]
    corpus = read_texts([as_given(row) for row in tokens])
    assert corpus.texts == ("the old dog", "New York is a")
    found = [
        corpus.texts[r][s:e] for r, s, e in zip(corpus.given.row, corpus.given.starts, corpus.given.ends, strict=True)
    ]
    assert found == [token for row in tokens for token in row]


def test_given_tokens_among_empty_lists():
    corpus = read_texts([[], ["a"], [], ["b", "cc"], []])
    assert corpus.given.counts.tolist() == [0, 1, 0, 2, 0]
    assert corpus.given.starts.tolist() == [0, 0, 2]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("a text", InvalidTypeError, r"`X` is a single string, 'a text'; pass a list of texts"),
        ([], InvalidInputError, r"`X` holds no texts"),
        (np.array([], "U1"), InvalidInputError, r"`X` holds no texts"),
        (["a", b"b"], InvalidTypeError, r"`X\[1\]` is bytes, b'b'; decode it first"),
        (np.array([b"a"]), InvalidTypeError, r"`X\[0\]` is bytes"),
        (["a", None], InvalidTypeError, r"`X\[1\]` must be a string.* got None of type NoneType.*use '' for a text"),
        (["a", 3], InvalidTypeError, r"`X\[1\]` must be a string.* got 3 of type int"),
        (pd.Series(["a", float("nan")]), InvalidTypeError, r"`X\[1\]` must be a string.* got nan"),
        ([1.0, "a"], InvalidTypeError, r"`X\[0\]` must be a string or a list of tokens; got 1.0"),
        (["a", "b\ud800"], InvalidInputError, r"`X\[1\]` holds a lone surrogate, '\\ud800' at character 1"),
        ([["a"], ["\udfff"]], InvalidInputError, r"`X\[1\]` holds a lone surrogate"),
        (["a", ["b"]], InvalidTypeError, r"`X\[1\]` must be a string"),
        ([["b"], "a"], InvalidTypeError, r"`X\[1\]` is a string, and `X\[0\]` is a list of tokens"),
        ([["a", ""]], InvalidInputError, r"`X\[0\]\[1\]` is the blank token ''"),
        ([["a", "\n"]], InvalidInputError, r"`X\[0\]\[1\]` is the blank token"),
        ([["a", 1]], InvalidTypeError, r"`X\[0\]\[1\]` must be a token, a string; got 1"),
        (np.array([["a"], ["b"]]), InvalidInputError, r"`X` must have the shape \(n,\).*got shape \(2, 1\)"),
        (pd.DataFrame({"t": ["a"]}), InvalidInputError, r"got shape \(1, 1\). Pass one column"),
        ({"a": 1}, InvalidTypeError, r"`X` must be a list of strings.*got dict"),
        (["", "  ", "..."], InvalidInputError, r"`X`: no text has a token"),
        ([[], []], InvalidInputError, r"`X`: no text has a token"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_place(X, error, message):
    with pytest.raises(error, match=message):
        make_aux_targets(X, "text", "word_shape")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_length": 0}, InvalidInputError, "`max_length` must be at least 1"),
        ({"max_tokens": 2}, InvalidInputError, "`max_tokens` must be at least 3"),
        ({"model_inputs": "tokens"}, UnknownNameError, "`model_inputs`"),
        ({"model_inputs": "texts", "padding": "pre"}, InvalidInputError, "`padding`: a model that is given texts pads"),
        ({"tagger": "stanza"}, UnknownNameError, "`tagger`"),
        ({"batch_size": 0}, InvalidInputError, "`batch_size` must be at least 1"),
        ({"n_jobs": 0}, InvalidInputError, "`n_jobs` must be positive, or -1"),
        ({"cache": 3}, InvalidTypeError, "`cache` must be a path; got 3"),
        ({"cache": __file__}, InvalidInputError, "`cache`: .* is a file"),
    ],
)
def test_parameters_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        make_aux_targets(TEXTS, "text", "pos", **options)


@pytest.mark.parametrize(("name", "value"), [("tokenizer", "whitespace"), ("max_length", 3), ("cache", "x")])
def test_parameters_of_texts_mean_nothing_for_other_domains(name, value):
    with pytest.raises(InvalidInputError, match=f"`{name}` applies to domain 'text' only, not to 'signal'"):
        make_aux_targets(np.ones((2, 3)), "signal", "std", **{name: value})


def make(**options):
    return make_aux_targets(["the old dog saw", "", "a city"], "text", "pos", tagger=ToyTagger(), **options)


def test_numbers_by_frequency_padded_at_the_end():
    targets = make()
    assert targets.vocabulary == ("", "[UNK]", "the", "saw", "old", "dog", "city", "a")
    assert targets.inputs.dtype == np.int32
    assert targets.inputs.tolist() == [[2, 4, 5, 3], [0, 0, 0, 0], [7, 6, 0, 0]]
    assert targets.lengths.tolist() == [4, 0, 2]


def test_padding_at_the_start_moves_inputs_and_targets_alike():
    post, pre = make(), make(padding="pre")
    assert pre.inputs.tolist() == [[2, 4, 5, 3], [0, 0, 0, 0], [0, 0, 7, 6]]
    assert pre["pos"][2].tolist() == [-1, -1, *post["pos"][2, :2]]


@pytest.mark.parametrize("padding", ["post", "pre"])
def test_longer_texts_are_cut_at_their_end(padding):
    targets = make(max_length=2, padding=padding)
    assert targets.inputs[0].tolist() == [2, 4]
    assert targets["pos"].shape == (3, 2)
    assert np.array_equal(targets["pos"][0], make()["pos"][0, :2])
    assert targets.lengths.tolist() == [2, 0, 2]


def test_other_texts_take_the_length_and_the_vocabulary_of_the_training_texts():
    targets = make().transform(["the new dog saw a city", "dog"])
    assert targets.inputs.tolist() == [[2, 1, 5, 3], [5, 0, 0, 0]]
    assert targets.vocabulary == make().vocabulary


def test_max_tokens_counts_padding_and_unknown():
    assert make(max_tokens=4).vocabulary == ("", "[UNK]", "the", "saw")


def test_texts_as_inputs_have_the_same_targets():
    as_ids, as_texts = make(), make(model_inputs="texts")
    assert as_texts.inputs.dtype == object
    assert as_texts.inputs.tolist() == ["the old dog saw", "", "a city"]
    assert np.array_equal(as_ids["pos"], as_texts["pos"])


@pytest.mark.parametrize("inputs", ["ids", "texts"])
def test_saved_targets_come_back_whole(tmp_path, inputs):
    from auxtasks import load_targets

    targets = make_aux_targets(
        ["Ada saw a dog", "", "a city"], "text", ["next_word", "word_shape"], model_inputs=inputs
    )
    targets.save(tmp_path / "t")
    loaded = load_targets(tmp_path / "t")
    assert loaded.inputs.tolist() == targets.inputs.tolist()
    assert loaded.lengths.tolist() == targets.lengths.tolist()
    assert loaded.vocabulary == targets.vocabulary
    assert loaded.specs == targets.specs
    before, after = targets.transform(["a dog saw Ada"]), loaded.transform(["a dog saw Ada"])
    assert all(np.array_equal(before[name], after[name]) for name in targets)


@pytest.mark.parametrize(
    ("parameter", "options"),
    [("tokenizer", {"tokenizer": str.split}), ("tagger", {"tagger": ToyTagger()})],
)
def test_what_cannot_be_saved_is_asked_for_again(tmp_path, parameter, options):
    from auxtasks import load_targets

    targets = make_aux_targets(["the dog", "a city"], "text", "pos", **{"tagger": ToyTagger(), **options})
    targets.save(tmp_path / "t")
    loaded = load_targets(tmp_path / "t")
    loaded.generator.set_params(
        **{"tagger": ToyTagger(), "tokenizer": None, parameter: loaded.generator.get_params()[parameter]}
    )
    with pytest.raises(InvalidInputError, match=rf"`{parameter}` was .*set_params\({parameter}="):
        loaded.transform(["the dog"])
    loaded.generator.set_params(tagger=ToyTagger(), **({"tokenizer": str.split} if parameter == "tokenizer" else {}))
    assert np.array_equal(loaded.transform(["the dog"])["pos"], targets["pos"][:1])


def test_a_generator_is_cloned_and_pickled():
    import pickle

    from sklearn.base import clone

    generator = clone(AuxTargetGenerator("text", "next_word", max_length=3)).fit(["a b c", "b c"])
    again = pickle.loads(pickle.dumps(generator))  # noqa: S301 - our own bytes
    assert np.array_equal(again.transform(["c b"])["next_word"], generator.transform(["c b"])["next_word"])


def test_a_giant_among_short_texts_asks_for_a_length():
    texts = [["a"] * 10_000] + [["a", "b"]] * 20_000
    with pytest.raises(
        InvalidInputError, match=r"`X\[0\]` has 10000 tokens, and 99 % of the texts have at most 2.*length=2"
    ):
        make_aux_targets(texts, "text", "next_word")
    assert make_aux_targets(texts, "text", "next_word", max_length=2).inputs.shape == (20_001, 2)


def test_nothing_is_tagged_before_all_is_checked():
    tagger = ToyTagger()
    for wrong in (
        {"tasks": ["pos", {"next_word": {"vocabulary_size": -1}}]},
        {"tasks": ["pos", {"head_distance": {"limit": 0}}]},
        {"tasks": ["pos"], "label_columns": {"a": ["x"]}},
        {"tasks": ["pos"], "label_columns": {"a": [b"x"] * 3}},
    ):
        with pytest.raises((InvalidInputError, InvalidTypeError), match=r"`vocabulary_size`|`limit`|`a` must"):
            make_aux_targets(TEXTS, "text", tagger=tagger, **wrong)
    assert tagger.asked == []


def test_a_backend_must_return_annotations():
    class Broken(ToyTagger):
        def annotate(self, corpus, needs):
            super().annotate(corpus, needs)

    with pytest.raises(InvalidTypeError, match="`annotate` must return Annotations; Broken returned NoneType"):
        make_aux_targets(TEXTS, "text", "pos", tagger=Broken())


def test_a_tokenizer_with_other_words_than_in_training():
    from auxtasks.extractors.text.tokenizers.standard import StandardTokenizer
    from auxtasks.extractors.text.vocabularies import Vocabulary

    def tokenizer(*words):
        return StandardTokenizer(vocabulary=Vocabulary(("", "[UNK]", *words)))

    generator = AuxTargetGenerator("text", "next_word", tokenizer=tokenizer("a", "b")).fit(["a b", "b a"])
    generator.set_params(tokenizer=tokenizer("b", "a", "c"))
    with pytest.raises(InvalidInputError, match="`tokenizer` or `vocabulary` has a different vocabulary than when"):
        generator.transform(["c d"])


def test_a_tokenizer_that_pads_left_asks_for_padding_there():
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[PAD]": 0, "[UNK]": 1, "a": 2}, "[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.enable_padding(direction="left", pad_token="[PAD]", pad_id=0)  # noqa: S106
    with pytest.raises(InvalidInputError, match="`padding`: the tokenizer pads on the left; pass padding='pre'"):
        make_aux_targets(["a a", "a b"], "text", "next_word", tokenizer=tokenizer)
    targets = make_aux_targets(["a a", "b"], "text", "reconstruction", tokenizer=tokenizer, padding="pre", scale=False)
    assert targets.inputs.tolist() == [[2, 2], [0, 1]]
