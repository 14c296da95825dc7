"""Features of images do not depend on the images beside one, and exist for all images."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from auxtasks.targets.samples import read_inputs
from auxtasks.teacher.convolutions import PatchDictionary
from auxtasks.teacher.features import ImageFeatures


@pytest.mark.parametrize("shape", [(8, 8, 1), (12, 9, 3), (2, 2, 1), (1, 1, 1), (1, 9, 2), (25, 25, 1)])
def test_one_at_a_time_is_as_all_together(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    # Of very different contrast: whatever is taken from the batch would show.
    X = (rng.random((10, *shape)) * np.logspace(-2, 2, 10).reshape(-1, 1, 1, 1)).astype(np.float32)
    dictionary = PatchDictionary(20).fit(X)
    together = dictionary.transform(X)
    alone = np.concatenate([dictionary.transform(X[row : row + 1]) for row in range(10)])
    assert np.isfinite(together).all()
    assert together.shape == (10, 4 * len(dictionary.centers))
    # Near a center, the root of a difference of squares has half of the digits.
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3), (2, 2), (1, 5)])
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_constant_images_have_features(shape: tuple[int, ...], value: float) -> None:
    X = np.full((6, *shape), value)
    samples = read_inputs(X, "image", padding="post", padding_value=0.0, length=None)
    features = ImageFeatures()
    found = features.fit(samples)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, found[:1].repeat(6, axis=0), atol=1e-5)


def test_the_same_dictionary_each_time() -> None:
    X = np.random.default_rng(1).random((5, 10, 10, 1)).astype(np.float32)
    one, other = (PatchDictionary(10, seed=2).fit(X) for _ in range(2))
    np.testing.assert_array_equal(one.centers, other.centers)


def test_patches_of_all_images_are_never_held_at_once() -> None:
    X = np.random.default_rng(2).random((100, 64, 64, 3)).astype(np.float32)  # all patches: 390 MB
    tracemalloc.start()
    PatchDictionary(4).fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
