"""What holds for every image task, on images of any size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auxtasks.extractors.image import colour_histogram, corners, edges, hog, local_binary_patterns, thumbnail

TASKS = {
    "hog": (lambda X: hog(X, pixels_per_cell=1, cells_per_block=1), lambda h, w, _: (h, w, 9)),
    "hog_whole": (lambda X: hog(X, pixels_per_cell=1, cells_per_block=X.shape[1:3]), lambda h, w, _: (h, w, 9)),
    "edges": (edges, lambda h, w, _: (min(h, 8), min(w, 8), 1)),
    "local_binary_patterns": (local_binary_patterns, lambda *_: (10,)),
    "colour_histogram": (colour_histogram, lambda _h, _w, c: (c, 8)),
    "corners": (corners, lambda h, w, _: (min(h, 8), min(w, 8), 1)),
    "thumbnail": (thumbnail, lambda h, w, c: (min(h, 8), min(w, 8), c)),
}
sides = st.integers(1, 12)


@pytest.mark.parametrize("name", TASKS)
@given(n=st.integers(1, 4), h=sides, w=sides, c=st.integers(1, 4), seed=st.integers(0, 99), double=st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_shape_gives_each_image_what_it_gets_alone(name, n, h, w, c, seed, double):
    task, shape = TASKS[name]
    dtype = np.float64 if double else np.float32
    X = np.random.default_rng(seed).integers(-9, 256, (n, h, w, c)).astype(dtype)
    before = X.copy()
    result = task(X)
    assert result.shape == (n, *shape(h, w, c))
    assert result.dtype == dtype
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(np.concatenate([task(X[i : i + 1]) for i in range(n)]), result)
    if name in ("local_binary_patterns", "colour_histogram"):
        defined = ~np.isnan(result).all(axis=tuple(range(1, result.ndim)))
        np.testing.assert_allclose(result[defined].sum(axis=-1), 1, atol=1e-6)
    else:
        assert np.isfinite(result).all()


@pytest.mark.parametrize("name", TASKS)
def test_single_precision_agrees_with_double(name):
    X = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3)).astype(np.float64)
    task, _ = TASKS[name]
    np.testing.assert_allclose(task(X.astype(np.float32)), task(X), rtol=2e-4, atol=1e-3)
