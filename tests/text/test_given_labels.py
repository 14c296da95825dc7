"""Labels for each token that come with the data."""

import numpy as np
import pytest

from auxtasks import make_aux_targets
from auxtasks.errors import InvalidInputError

TOKENS = [["the", "dog"], ["a", "biggish", "dog"], ["barks"]]
TAGS = [["DET", "NOUN"], ["DET", None, "NOUN"], None]


def make(given, tokens=TOKENS, **options):
    return make_aux_targets(tokens, "text", "word_shape", given=given, scale=False, **options)


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
    targets = make({"gold": [["x", "y"], ["x", "y", "x"], ["x"]]}, length=2, padding=padding)
    assert targets["gold"][2:].tolist() == expected


def test_numbers_among_them_are_classes_too():
    assert make({"gold": [[1, 0], [1, 2, 0], [10]]}).specs["gold"].classes == ("0", "1", "10", "2")


def test_other_texts_are_laid_out_alike():
    targets = make({"gold": [["D", "N"], ["D", "A", "N"], ["V"]]})
    assert named(targets.transform([["dog", "barks"]], given={"gold": [["N", "V"]]}), "gold") == [["N", "V", None]]


def test_flags_of_whole_texts_stay_what_they_are():
    flags = make({"topics": [[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 1, 1]]})
    assert flags.specs["topics"].kind == "multilabel"
    assert make({"topics": [[0, 1], [1, 0]]}, ["a Dog", "the dog"]).specs["topics"].kind == "multilabel"


def test_as_many_labels_as_tokens():
    with pytest.raises(InvalidInputError, match=r"'gold' has 2 labels for the 3 tokens of `X\[1\]`"):
        make({"gold": [["D", "N"], ["D", "N"], ["V"]]})


def test_labels_of_single_texts_may_be_missing():
    targets = make({"kind": ["animal", None, "animal"], "size": np.array([1.0, 2.0, np.nan])})
    assert targets["kind"].tolist() == [0, -1, 0]
