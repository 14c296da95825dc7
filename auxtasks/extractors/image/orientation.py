"""Histograms of gradient orientation over cells of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from auxtasks.extractors.image.pixels import central_differences
from auxtasks.typing import Array, Floats


def cell_histograms(X: Floats, orientations: int, cell: tuple[int, int]) -> Floats:
    """Mean gradient magnitude by orientation, for each cell of each image."""
    if not isinstance(X, np.ndarray):
        return histograms_of_tensors(X, orientations, cell)
    from scipy.sparse import csr_array

    n, h, w, _ = X.shape
    n_rows, n_columns = h // cell[0], w // cell[1]
    rows, columns = n_rows * cell[0], n_columns * cell[1]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        down, across, magnitude = _dominant_gradient(X, rows, columns)
        index_type = np.int32 if magnitude.size < 2**31 else np.int64
        bins = _orientation_bins(down, across, orientations)
        np.sqrt(magnitude, out=magnitude)
    # A sparse matrix with a row for each row of cells and a column for each (cell, bin): the pixels of a row of cells
    # are contiguous, and making the matrix dense sums those of the same cell and bin, in one pass.
    first_column = (np.arange(columns) // cell[1] * orientations).astype(index_type)
    index = np.add(bins, first_column, dtype=index_type)
    start = np.arange(0, magnitude.size + 1, cell[0] * columns, dtype=index_type)
    shape = (n * n_rows, n_columns * orientations)
    histograms: Floats = csr_array((magnitude.ravel(), index.ravel(), start), shape=shape).toarray()
    histograms *= 1 / (cell[0] * cell[1])
    return histograms.reshape(n, n_rows, n_columns, orientations)


def _dominant_gradient(X: Floats, rows: int, columns: int) -> tuple[Floats, Floats, Floats]:
    """Return the gradient of the channel where it is largest, and its squared magnitude, all (n, rows, columns)."""
    # Each channel is read many times, which pays for making it contiguous first.
    first, *others = np.ascontiguousarray(X.transpose(3, 0, 1, 2))
    down, across = central_differences(first, rows, columns)
    squared = _squared_magnitude(down, across)
    for channel in others:
        other_down, other_across = central_differences(channel, rows, columns)
        other_squared = _squared_magnitude(other_down, other_across)
        larger = other_squared > squared
        _replace_where(larger, down, other_down)
        _replace_where(larger, across, other_across)
        np.maximum(squared, other_squared, out=squared)
    return down, across, squared


def _replace_where(chosen: Array, values: Floats, others: Floats) -> None:
    """Do ``values[chosen] = others[chosen]`` on the bits, as which is chosen is too irregular for branches."""
    integer = np.dtype(f"i{values.itemsize}")
    bits = values.view(integer)
    all_or_none = np.negative(chosen.view(np.int8), dtype=integer)
    bits ^= (bits ^ others.view(integer)) & all_or_none


def _squared_magnitude(down: Floats, across: Floats) -> Floats:
    squared: Floats = down * down
    squared += across * across
    return squared


def _orientation_bins(down: Floats, across: Floats, orientations: int) -> Array:
    """Return the bin of each gradient's angle modulo 180°, as uint8; `across` is overwritten.

    The angle is at or above an edge where its cotangent ``across / down`` is at or below that of the edge; the sign
    of the gradient cancels. Counting such edges costs less than an arctangent.
    """
    cotangents = cotangents_of_edges(orientations).astype(down.dtype)
    sloped = down != 0
    ratio = np.divide(across, down, out=across)
    bins = np.zeros(down.shape, np.uint8)
    beyond = np.empty(down.shape, np.bool_)
    for cotangent in cotangents:
        np.less_equal(ratio, cotangent, out=beyond)
        bins += beyond.view(np.uint8)
    # A gradient along the columns is at 0°, whichever its sign.
    bins *= sloped.view(np.uint8)
    return bins


def cotangents_of_edges(orientations: int) -> Array:
    """Return the cotangents of the angles at which the bins but the first begin."""
    angles = np.pi * np.arange(1, orientations) / orientations
    cotangents: Array = np.round(np.cos(angles) / np.sin(angles), 14)
    return cotangents


def histograms_of_tensors(X: Any, orientations: int, cell: tuple[int, int]) -> Any:
    """Do what `auxtasks.extractors.image.orientation.cell_histograms` does, on tensors."""
    import tensorflow as tf

    n_rows, n_columns = X.shape[1] // cell[0], X.shape[2] // cell[1]
    rows, columns = n_rows * cell[0], n_columns * cell[1]
    down, across, squared = _dominant_gradient_orientation_tensors(X)
    down, across, squared = (part[:, :rows, :columns] for part in (down, across, squared))
    ratio = across / down
    bins = tf.zeros_like(down, tf.int32)
    for edge in cotangents_of_edges(orientations).astype(np.float32):
        # A gradient along the columns is at 0°, whichever its sign; only others reach the edges beyond.
        bins += tf.cast(tf.logical_and(down != 0, ratio <= edge), tf.int32)
    magnitude = tf.sqrt(squared)
    cells = (-1, n_rows, cell[0], n_columns, cell[1])
    sums = [
        tf.reduce_mean(tf.reshape(tf.where(bins == each, magnitude, 0.0), cells), axis=(2, 4))
        for each in range(orientations)
    ]
    return tf.stack(sums, axis=-1)


def _dominant_gradient_orientation_tensors(X: Any) -> tuple[Any, Any, Any]:
    """Return the gradient of the channel where it is largest, and its squared magnitude, all (n, h, w)."""
    import tensorflow as tf

    down = tf.pad(X[:, 2:] - X[:, :-2], [[0, 0], [1, 1], [0, 0], [0, 0]])
    across = tf.pad(X[:, :, 2:] - X[:, :, :-2], [[0, 0], [0, 0], [1, 1], [0, 0]])
    squared = down * down + across * across
    parts = list(zip(*(tf.unstack(part, axis=3) for part in (down, across, squared)), strict=True))
    found = parts[0]
    for channel in parts[1:]:
        larger = channel[2] > found[2]
        found = tuple(tf.where(larger, new, old) for new, old in zip(channel, found, strict=True))
    return found
