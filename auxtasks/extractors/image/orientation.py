"""Histograms of gradient orientation over cells of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from auxtasks.extractors.image.pixels import central_differences
from auxtasks.extractors.tensors import namespace
from auxtasks.typing import Array, Floats


def cell_histograms(X: Floats, orientations: int, cell: tuple[int, int]) -> Floats:
    """Mean gradient magnitude by orientation, for each cell of each image."""
    if not isinstance(X, np.ndarray):
        return histograms_of_tensors(X, orientations, cell)
    n, h, w, _ = X.shape
    n_rows, n_columns = h // cell[0], w // cell[1]
    histograms: Floats = np.empty((n, n_rows, n_columns, orientations), X.dtype)
    step = max(1, PIXELS_AT_ONCE // (h * w))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for start in range(0, n, step):
            _fill(histograms[start : start + step], X[start : start + step], cell)
    histograms *= 1 / (cell[0] * cell[1])
    return histograms


PIXELS_AT_ONCE = 128 * 1024


def _fill(histograms: Floats, X: Floats, cell: tuple[int, int]) -> None:
    """Sum the gradient magnitudes in each bin of each cell."""
    from scipy.sparse import csr_array

    n, n_rows, n_columns, orientations = histograms.shape
    room = _room(X)
    _find_dominant_gradient(X, room)
    bins = _orientation_bins(room, orientations)
    magnitude = np.sqrt(room["squared"], out=room["squared"])
    # What does not fill a cell adds nothing to the last one.
    magnitude[:, n_rows * cell[0] :] = 0
    magnitude[:, :, n_columns * cell[1] :] = 0
    # A sparse matrix with a row for each row of cells and a column for each (cell, bin): the pixels of a row of cells
    # are contiguous, and making the matrix dense sums those of the same cell and bin, in one pass.
    h, w = X.shape[1:3]
    index = _bits(room["spare"])
    cell_of_column = np.minimum(np.arange(w, dtype=index.dtype) // cell[1], n_columns - 1)
    np.add(bins, cell_of_column * orientations, out=index)
    start = w * (h * np.arange(n)[:, None] + cell[0] * np.arange(n_rows))
    ends = np.append(start, magnitude.size).astype(index.dtype)
    matrix = csr_array((magnitude.ravel(), index.ravel(), ends), shape=(n * n_rows, n_columns * orientations))
    matrix.toarray(out=histograms.reshape(matrix.shape))


def _room(X: Floats) -> Array:
    """Make room for all that is computed of each pixel, in one piece.

    The C library gives many pieces back to the system after each call, and the system clears every page before it
    hands it out again, which costs more than the arithmetic.
    """
    shape = X.shape[:3]
    floats = [(name, X.dtype, shape) for name in ("down", "across", "squared", "spare")]
    return np.empty((), [*floats, ("bins", np.uint8, shape), ("flags", np.bool_, shape)])


def _find_dominant_gradient(X: Floats, room: Array) -> None:
    """Find the gradient of the channel where it is largest, and its squared magnitude."""
    # Each channel is read many times, which pays for making it contiguous first.
    first, *others = np.ascontiguousarray(X.transpose(3, 0, 1, 2))
    _find_gradient(first, room)
    if not others:
        return
    other = _room(X)
    for channel in others:
        _find_gradient(channel, other)
        larger = np.greater(other["squared"], room["squared"], out=other["flags"])
        _replace_where(larger, room["down"], other["down"])
        _replace_where(larger, room["across"], other["across"])
        np.maximum(room["squared"], other["squared"], out=room["squared"])


def _find_gradient(channel: Floats, room: Array) -> None:
    down, across, squared = room["down"], room["across"], room["squared"]
    central_differences(channel, down, across)
    np.multiply(down, down, out=squared)
    squared += np.multiply(across, across, out=room["spare"])


def _replace_where(chosen: Array, values: Floats, others: Floats) -> None:
    """Do ``values[chosen] = others[chosen]`` on the bits, as which is chosen is too irregular for branches."""
    bits = _bits(values)
    all_or_none = np.negative(chosen.view(np.int8), dtype=bits.dtype)
    bits ^= (bits ^ _bits(others)) & all_or_none


def _bits(values: Floats) -> Array:
    """Return the same memory as integers of the same size."""
    return values.view(f"i{values.itemsize}")


def _orientation_bins(room: Array, orientations: int) -> Array:
    """Return the bin of each gradient's angle modulo 180°.

    The angle is at or above an edge where its cotangent ``across / down`` is at or below that of the edge; the sign
    of the gradient cancels. Counting such edges costs less than an arctangent.
    """
    down, bins, flags = room["down"], room["bins"], room["flags"]
    cotangent = np.divide(room["across"], down, out=room["spare"])
    bins.fill(0)
    for edge in cotangents_of_edges(orientations).astype(down.dtype):
        np.less_equal(cotangent, edge, out=flags)
        bins += flags.view(np.uint8)
    # A gradient along the columns is at 0°, whichever its sign.
    bins *= np.not_equal(down, 0, out=flags).view(np.uint8)
    return bins


def cotangents_of_edges(orientations: int) -> Array:
    """Return the cotangents of the angles at which the bins but the first begin."""
    angles = np.pi * np.arange(1, orientations) / orientations
    cotangents: Array = np.round(np.cos(angles) / np.sin(angles), 14)
    return cotangents


def histograms_of_tensors(X: Any, orientations: int, cell: tuple[int, int]) -> Any:
    """Do what `auxtasks.extractors.image.orientation.cell_histograms` does, on tensors."""
    xp = namespace(X)
    n_rows, n_columns = X.shape[1] // cell[0], X.shape[2] // cell[1]
    rows, columns = n_rows * cell[0], n_columns * cell[1]
    down, across, squared = _dominant_gradient_orientation_tensors(X)
    down, across, squared = (part[:, :rows, :columns] for part in (down, across, squared))
    ratio = across / down
    bins = xp.zeros_like(down, "int32")
    for edge in cotangents_of_edges(orientations).tolist():
        # A gradient along the columns is at 0°, whichever its sign; only others reach the edges beyond.
        bins += xp.cast(xp.logical_and(down != 0, ratio <= edge), "int32")
    magnitude = xp.sqrt(squared)
    cells = (-1, n_rows, cell[0], n_columns, cell[1])
    sums = [
        xp.mean(xp.reshape(xp.where(bins == each, magnitude, 0.0), cells), axis=(2, 4)) for each in range(orientations)
    ]
    return xp.stack(sums, axis=-1)


def _dominant_gradient_orientation_tensors(X: Any) -> tuple[Any, Any, Any]:
    """Return the gradient of the channel where it is largest, and its squared magnitude, all (n, h, w)."""
    xp = namespace(X)
    down = xp.pad(X[:, 2:] - X[:, :-2], ((0, 0), (1, 1), (0, 0), (0, 0)))
    across = xp.pad(X[:, :, 2:] - X[:, :, :-2], ((0, 0), (0, 0), (1, 1), (0, 0)))
    squared = down * down + across * across
    parts = list(zip(*(xp.unstack(part, axis=3) for part in (down, across, squared)), strict=True))
    found = parts[0]
    for channel in parts[1:]:
        larger = channel[2] > found[2]
        found = tuple(xp.where(larger, new, old) for new, old in zip(channel, found, strict=True))
    return found
