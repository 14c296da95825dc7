"""Contrast normalisation of cell histograms over overlapping blocks of cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from auxtasks.typing import Floats

EPSILON = 1e-5
"""Keeps a block without gradients at zero, as scikit-image has it."""
CEILING = 0.2
"""The largest share of one bin before the second normalisation of L2-Hys (Lowe 2004)."""


def normalised_blocks(histograms: Floats, block: tuple[int, int], norm: str) -> Floats:
    """Normalise each block of cells by its own norm.

    Parameters
    ----------
    histograms : ndarray of float or tensor, shape (n, rows, columns, orientations)
        A histogram for each cell, non-negative.
    block : tuple of int
        Rows and columns of a block, in cells.
    norm : {"L1", "L1-sqrt", "L2", "L2-Hys"}
        How a block ``v`` is normalised, with ``e = 1e-5``: ``v / (|v|₁ + e)``, the square root of that,
        ``v / sqrt(|v|₂² + e²)``, or the last clipped at 0.2 and normalised again.

    Returns
    -------
    ndarray of float, shape (n, block rows, block columns, cell rows, cell columns, orientations)
        The normalised blocks; NaN where the norm exceeds the range of the dtype.

    Examples
    --------
    >>> import numpy as np
    >>> normalised_blocks(np.array([3.0, 4.0]).reshape(1, 1, 1, 2), (1, 1), "L2").ravel().round(3)
    array([0.6, 0.8])
    """
    if not isinstance(histograms, np.ndarray):
        return _normalised_tensors(histograms, block, norm)
    windows = np.lib.stride_tricks.sliding_window_view(histograms, block, axis=(1, 2))
    blocks = windows.transpose(0, 1, 2, 4, 5, 3)
    with np.errstate(over="ignore", invalid="ignore"):
        if norm in ("L1", "L1-sqrt"):
            size = _sum_over_blocks(histograms.sum(axis=-1), block) + EPSILON
        else:
            energy = np.einsum("...o,...o->...", histograms, histograms)
            size = np.sqrt(_sum_over_blocks(energy, block) + EPSILON**2)
        # An infinite norm would turn the block into zeros, which it is not.
        scale = np.where(np.isfinite(size), 1 / size, np.nan).astype(histograms.dtype, copy=False)
        normalised: Floats = np.multiply(blocks, scale[..., None, None, None], order="C")
        if norm == "L1-sqrt":
            np.sqrt(normalised, out=normalised)
        if norm == "L2-Hys":
            np.minimum(normalised, CEILING, out=normalised)
            flat = normalised.reshape(*size.shape, -1)
            energy = np.einsum("...i,...i->...", flat, flat)
            flat *= (1 / np.sqrt(energy + EPSILON**2))[..., None]
    return normalised


def _normalised_tensors(histograms: Any, block: tuple[int, int], norm: str) -> Any:
    import tensorflow as tf

    rows, columns = (cells - length + 1 for cells, length in zip(histograms.shape[1:3], block, strict=True))
    windows = [[histograms[:, i : i + rows, j : j + columns] for j in range(block[1])] for i in range(block[0])]
    blocks = tf.stack([tf.stack(row, axis=3) for row in windows], axis=3)
    axes = (3, 4, 5)
    if norm in ("L1", "L1-sqrt"):
        size = tf.reduce_sum(blocks, axes, keepdims=True) + EPSILON
    else:
        size = tf.sqrt(tf.reduce_sum(tf.square(blocks), axes, keepdims=True) + EPSILON**2)
    # An infinite norm would turn the block into zeros, which it is not.
    normalised = blocks / tf.where(tf.math.is_finite(size), size, np.nan)
    if norm == "L1-sqrt":
        normalised = tf.sqrt(normalised)
    if norm == "L2-Hys":
        clipped = tf.minimum(normalised, CEILING)
        normalised = clipped * tf.math.rsqrt(tf.reduce_sum(tf.square(clipped), axes, keepdims=True) + EPSILON**2)
    return normalised


def _sum_over_blocks(cells: Floats, block: tuple[int, int]) -> Floats:
    """Sum a (n, rows, columns) quantity of cells over each block."""
    n, rows, columns = cells.shape
    shape = (n, rows - block[0] + 1, columns - block[1] + 1)
    down = np.zeros((n, shape[1], columns), cells.dtype)
    for row in range(block[0]):
        down += cells[:, row : row + shape[1]]
    total = np.zeros(shape, cells.dtype)
    for column in range(block[1]):
        total += down[:, :, column : column + shape[2]]
    return total
