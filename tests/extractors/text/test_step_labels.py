"""Labels for each token that come with the data."""

import numpy as np
import pandas as pd
import pytest

from auxtasks import make_aux_targets
from auxtasks.errors import InvalidInputError, InvalidTypeError

TOKENS = [["the", "dog"], ["a", "biggish", "dog"], ["barks"]]
TAGS = [["DET", "NOUN"], ["DET", None, "NOUN"], None]


def make(given, tokens=TOKENS, **options):
    return make_aux_targets(tokens, "text", "word_shape", label_columns=given, scale=False, **options)


def named(targets, name):
    classes = targets.specs[name].classes
    return [[classes[code] if code >= 0 else None for code in row] for row in targets[name]]


def test_labels_of_tokens_are_classes_per_step():
    targets = make({"gold": TAGS})
    assert targets.specs["gold"].kind == "step_class"
    assert named(targets, "gold") == [["DET", "NOUN", None], ["DET", None, "NOUN"], [None] * 3]


def test_they_follow_the_tokens_of_another_tokenizer():
    def pieces(text):
        return [(at, min(at + 4, len(text))) for at in range(0, len(text), 4)]

    targets = make({"gold": [["D", "N"], ["D", "A", "N"], ["V"]]}, tokenizer=pieces)
    # "the |dog", "a bi|ggis|h do|g", "bark|s"
    assert named(targets, "gold") == [["D", "N", None, None], ["A", "A", "N", "N"], ["V", "V", None, None]]


@pytest.mark.parametrize(("padding", "expected"), [("post", [[0, -1]]), ("pre", [[-1, 0]])])
def test_they_are_cut_and_padded_as_the_inputs(padding, expected):
    targets = make({"gold": [["x", "y"], ["x", "y", "x"], ["x"]]}, max_length=2, padding=padding)
    assert targets["gold"][2:].tolist() == expected


@pytest.mark.parametrize(
    ("labels", "kind", "classes", "first"),
    [
        ([[1, 0], [1, 2, 0], [10]], "step_class", ("0", "1", "2", "10"), [1, 0, -1]),
        ([[1, 0], [1, 0, 0], [1]], "step_class", ("0", "1"), [1, 0, -1]),
        ([[-1, 0], [1, -1, 0], [1]], "step_class", ("0", "1"), [-1, 0, -1]),
        ([["x", float("nan")], ["y", pd.NA, "x"], None], "step_class", ("x", "y"), [0, -1, -1]),
        ([[0.5, float("nan")], [1.0, 2.0, 3.0], [0.0]], "step_vector", (), [[0.5], [np.nan], [np.nan]]),
    ],
    ids=["integers", "flags", "negative", "NaN and NA", "floats"],
)
def test_labels_of_tokens_follow_the_rules_of_other_labels(labels, kind, classes, first):
    targets = make({"gold": labels})
    assert (targets.specs["gold"].kind, targets.specs["gold"].classes) == (kind, classes)
    np.testing.assert_array_equal(targets["gold"][0], first)


@pytest.mark.parametrize("as_given", [list, tuple, pd.Series, lambda rows: [np.array(row) for row in rows]])
def test_they_may_be_held_in_any_form(as_given):
    rows = [["D", "N"], ["D", "A", "N"], ["V"]]
    assert np.array_equal(make({"gold": as_given(rows)})["gold"], make({"gold": rows})["gold"])


def test_an_array_as_wide_as_all_texts_is_one_label_a_token():
    tokens = [["Springfield", "is"], ["Ada", "ran"]]
    gold = [["N", "V"], ["N", "V"]]
    options = {"tokenizer": lambda text: [text[at : at + 4].strip() for at in range(0, len(text), 4)]}
    expected = make({"gold": gold}, tokens, **options)["gold"]
    assert np.array_equal(make({"gold": np.array(gold)}, tokens, **options)["gold"], expected)


def test_only_the_first_piece_of_a_token_begins_an_entity():
    def pieces(text):
        return [(at, min(at + 2, len(text))) for at in range(0, len(text), 2)]

    gold = [["B-PER", "O"], ["O", "B-LOC", "I-LOC"], ["B-PER"]]
    targets = make({"gold": gold}, [["Adam", "x"], ["a", "Bath", "Spa"], ["Eve"]], tokenizer=pieces)
    # "Ad|am| x", "a |Ba|th| S|pa", "Ev|e"
    assert named(targets, "gold")[0][:3] == ["B-PER", "I-PER", "O"]
    assert named(targets, "gold")[1] == ["O", "B-LOC", "I-LOC", "I-LOC", "I-LOC"]
    assert named(targets, "gold")[2][:2] == ["B-PER", "I-PER"]


def test_other_texts_are_laid_out_alike():
    targets = make({"gold": [["D", "N"], ["D", "A", "N"], ["V"]]})
    assert named(targets.transform([["dog", "barks"]], label_columns={"gold": [["N", "V"]]}), "gold") == [
        ["N", "V", None]
    ]


def test_flags_of_whole_texts_stay_what_they_are():
    flags = make({"topics": [[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 1, 1]]})
    assert flags.specs["topics"].kind == "multilabel"
    assert make({"topics": [[0, 1], [1, 0]]}, ["a Dog", "the dog"]).specs["topics"].kind == "multilabel"


@pytest.mark.parametrize("gold", [[["D", "N"], ["D", "N"], ["V"]], [["D", "N"]] * 3, [[5, 2]] * 3])
def test_as_many_labels_as_tokens(gold):
    with pytest.raises(InvalidInputError, match=r"'gold' has 2 labels for the 3 tokens of `X\[1\]`"):
        make({"gold": gold})


@pytest.mark.parametrize(("label", "found"), [(b"N", "bytes"), (["N"], "list")])
def test_what_is_no_label_is_refused(label, found):
    with pytest.raises(InvalidTypeError, match=f"`gold` must hold labels of one type.*found {found}"):
        make({"gold": [["D", label], ["D", "A", "N"], ["V"]]})


def test_labels_of_single_texts_may_be_missing():
    targets = make({"kind": ["animal", None, "animal"], "size": np.array([1.0, 2.0, np.nan])})
    assert targets["kind"].tolist() == [0, -1, 0]
