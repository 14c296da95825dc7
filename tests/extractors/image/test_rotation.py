"""Rotated copies."""

import numpy as np
import pytest

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.image import rotation


def test_each_copy_is_its_image_turned_by_its_class():
    X = np.random.default_rng(0).random((60, 5, 5, 2), dtype=np.float32)
    copies, classes = rotation(X, rng=np.random.default_rng(1))
    expected = [np.rot90(image, turns) for image, turns in zip(X, classes, strict=True)]
    np.testing.assert_array_equal(copies, expected)
    assert copies.dtype == X.dtype
    assert classes.dtype == np.int32


def test_the_three_rotations_are_equally_likely():
    _, classes = rotation(np.zeros((30_000, 1, 1, 1)), rng=np.random.default_rng(0))
    counts = np.bincount(classes, minlength=4)
    assert counts[0] == 0
    # Five standard deviations of a binomial with p = 1/3.
    assert np.abs(counts[1:] - 10_000).max() < 5 * np.sqrt(30_000 * 2 / 9)


def test_images_that_are_not_square_are_refused():
    with pytest.raises(InvalidInputError, match=r"`X`: .* needs square images.*found 4×6 .* shape \(2, 4, 6, 1\)"):
        rotation(np.zeros((2, 4, 6, 1)), rng=np.random.default_rng(0))
