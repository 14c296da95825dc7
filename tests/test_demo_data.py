"""The splits of the demo: nothing shared, classes balanced, same draw for the same seed."""

import numpy as np
import pytest

from auxtasks.demo import load_digits, split_digits
from auxtasks.errors import InvalidInputError


def test_no_image_is_in_two_parts() -> None:
    images, labels = load_digits()
    assert (images.shape, images.max()) == ((1797, 8, 8, 1), 1.0)
    numbered = np.arange(len(images), dtype="float32").reshape(-1, 1, 1, 1)
    split = split_digits(numbered, labels, n_labelled=50, seed=3)
    parts = [split.x_labelled, split.x_unlabelled, split.x_test]
    assert [len(part) for part in parts] == [50, 1000, 747]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts).ravel()), numbered.ravel())
    np.testing.assert_array_equal(labels[split.x_labelled.ravel().astype(int)], split.y_labelled)
    np.testing.assert_array_equal(labels[split.x_test.ravel().astype(int)], split.y_test)


@pytest.mark.parametrize("n_labelled", [10, 50, 200])
def test_every_class_has_its_share_of_labels(n_labelled: int) -> None:
    counts = np.bincount(split_digits(*load_digits(), n_labelled, seed=0).y_labelled, minlength=10)
    assert counts.sum() == n_labelled
    assert np.abs(counts - n_labelled / 10).max() <= 1


def test_the_seed_decides_the_draw() -> None:
    first, same, other = (split_digits(*load_digits(), 50, seed).x_labelled for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("n_labelled", [9, 1001])
def test_impossible_numbers_of_labels_are_refused(n_labelled: int) -> None:
    with pytest.raises(InvalidInputError, match="`n_labelled` must be from 10 to 1000"):
        split_digits(*load_digits(), n_labelled, seed=0)
