"""Histograms of gradient orientation over cells of pixels."""

from __future__ import annotations

import numpy as np

from auxtasks.image.gradients import central_differences
from auxtasks.image.orientation_tensors import cotangents_of_edges, histograms_of_tensors
from auxtasks.typing import Array, Floats


def cell_histograms(X: Floats, orientations: int, cell: tuple[int, int]) -> Floats:
    """Mean gradient magnitude by orientation, for each cell of each image.

    Parameters
    ----------
    X : ndarray of float or tensor, shape (n, h, w, c)
        The images; rows and columns that do not fill a cell are left out.
    orientations : int
        The number of bins over 0° to 180°.
    cell : tuple of int
        Rows and columns of a cell.

    Returns
    -------
    ndarray of float, shape (n, h // cell rows, w // cell columns, orientations)
        The magnitudes in each bin, summed over the cell and divided by its number of pixels.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.arange(4.0).repeat(4).reshape(1, 4, 4, 1)
    >>> cell_histograms(ramp, 2, (4, 4)).ravel()
    array([0., 1.])
    """
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
