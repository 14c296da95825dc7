"""Inputs for the model without the targets."""

import numpy as np
import pytest

from auxtasks import AuxTargetGenerator, make_aux_targets
from auxtasks.errors import InvalidInputError
from tests.extractors.text.toy import ToyTagger

SERIES = [np.arange(6.0), np.arange(4.0) ** 2, np.array([3.0, 1.0, 2.0])]


@pytest.mark.parametrize("tasks", [["std"], ["std", {"next_steps": {"horizon": 1}}]])
def test_as_transform_lays_them_out(tasks):
    targets = make_aux_targets(SERIES, "signal", tasks)
    np.testing.assert_array_equal(targets.prepare(SERIES[1:]), targets.transform(SERIES[1:]).inputs)


def test_no_copies_are_added():
    X = np.random.default_rng(0).random((4, 6, 6))
    targets = make_aux_targets(X, "image", ["rotation"])
    np.testing.assert_array_equal(targets.prepare(X), X)


@pytest.mark.parametrize("inputs", ["ids", "texts"])
def test_texts_are_not_tagged(inputs):
    tagger = ToyTagger()
    targets = make_aux_targets(["the dog", "a city"], "text", "pos", backend=tagger, inputs=inputs)
    tagger.asked.clear()
    prepared = targets.prepare(["dog a"])
    assert tagger.asked == []
    np.testing.assert_array_equal(prepared, targets.transform(["dog a"]).inputs)


def test_only_after_fit():
    with pytest.raises(InvalidInputError, match="not fitted yet"):
        AuxTargetGenerator("signal").prepare(SERIES)
