"""From a feature map to one vector, against loops in NumPy."""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import block_reduce
from tensors import to_array

from auxtasks.keras.heads import MAX_FEATURES, Pooling


@pytest.mark.parametrize("shape", [(5,), (9, 4), (6, 7, 3), (2, 6, 7, 3)])
def test_global_pooling_is_the_mean_of_all_positions(shape: tuple[int, ...]) -> None:
    features = np.random.default_rng(0).normal(size=(3, *shape)).astype("float32")
    found = Pooling(shape, "global")(keras.ops.convert_to_tensor(features))
    np.testing.assert_allclose(found, features.reshape(3, -1, shape[-1]).mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("shape", [(16, 3), (16, 24, 3), (5, 16, 8, 3)])
def test_grid_pooling_averages_equal_blocks(shape: tuple[int, ...]) -> None:
    features = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    still = features.mean(axis=1) if len(shape) == 4 else features
    blocks = tuple(length // 8 for length in still.shape[1:-1])
    expected = block_reduce(still, (1, *blocks, 1), np.mean).reshape(2, -1)
    np.testing.assert_allclose(Pooling(shape, "grid")(keras.ops.convert_to_tensor(features)), expected, atol=1e-6)


@cache
def _traced(length: int) -> tuple[Pooling, Any]:
    """Pooling for a length, which is traced for any."""
    import tensorflow as tf

    pooling = Pooling((length, 1), "grid")
    return pooling, tf.function(pooling, input_signature=[tf.TensorSpec((None, None, 1), tf.float32)])


@pytest.mark.needs_backend("tensorflow", reason="other backends compile for each length anew")
@given(length=st.integers(1, 40), known=st.sampled_from([1, 2, 3, 5, 7, 8, 9, 40]))
def test_every_position_is_in_a_cell_whatever_the_length(length: int, known: int) -> None:
    pooling, traced = _traced(known)
    positions = np.arange(length, dtype="float32").reshape(1, length, 1)
    found = traced(positions).numpy()[0]
    assert found.shape == (pooling.size,)
    cells = pooling.size
    expected = [np.mean(np.arange(cell * length // cells, -(-(cell + 1) * length // cells))) for cell in range(cells)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert min(found) < 1.0 + length / cells
    assert max(found) > length - 1 - length / cells - 1


def test_masked_steps_have_no_part_in_the_mean() -> None:
    features = np.random.default_rng(0).normal(size=(3, 9, 4)).astype("float32")
    mask = np.arange(9) < np.array([[4], [9], [0]])
    found = Pooling((9, 4), "global")(keras.ops.convert_to_tensor(features), keras.ops.convert_to_tensor(mask))
    np.testing.assert_allclose(found[0], features[0, :4].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found[1], features[1].mean(axis=0), atol=1e-6)
    assert not to_array(found[2]).any()


def test_a_grid_of_many_channels_is_coarser() -> None:
    assert Pooling((64, 64, 1280), "grid").size <= MAX_FEATURES
    assert Pooling((64, 64, 100_000), "grid").size == 100_000
