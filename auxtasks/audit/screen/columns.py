"""Tables of numbers for linear models: brought to one scale, completed and narrowed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auxtasks.typing import Array, Floats

_ROUNDING = 1e-10
"""Deviations below this share of the values are rounding, and their column a constant."""


def standardised(values: Floats, *, each: bool = True) -> Floats:
    """Centre columns and bring them to one scale; what is missing becomes the mean, which is 0.

    Parameters
    ----------
    values : ndarray of float, shape (n, columns)
        NaN where missing.
    each : bool, default True
        Whether each column gets a standard deviation of 1; otherwise all are divided by the same number, which keeps
        the proportions between them.

    Returns
    -------
    ndarray of float64, shape (n, columns that are not constant)
        Without any NaN.

    Examples
    --------
    >>> standardised(np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0]]))
    array([[-1.],
           [ 1.],
           [ 0.]])
    """
    present = ~np.isnan(values)
    count = np.maximum(present.sum(axis=0), 1)
    filled = np.where(present, values, 0.0).astype(np.float64)
    largest = np.abs(filled).max(axis=0, initial=0.0)
    # Divided first, because squares of large numbers overflow and those of small ones vanish.
    filled /= np.where(largest > 0, largest, 1.0)
    filled -= np.where(present, filled.sum(axis=0) / count, 0.0)
    filled *= present
    spread = np.sqrt(np.square(filled).sum(axis=0) / count)
    varied = spread > _ROUNDING
    columns: Floats = filled[:, varied]
    spread, largest = spread[varied], largest[varied]
    if each or not len(spread):
        columns /= spread
        return columns
    sizes = largest / largest.max()
    columns *= sizes / np.sqrt(np.square(sizes * spread).mean())
    return columns


def narrowed(values: Floats, limit: int) -> Floats:
    """Keep the directions along which samples differ most.

    Parameters
    ----------
    values : ndarray of float, shape (n, columns)
        Centred columns.
    limit : int
        How many columns to keep at most.

    Returns
    -------
    ndarray of float, shape (n, at most limit)
        The very columns, or their principal components by size.

    Examples
    --------
    >>> np.abs(narrowed(np.array([[1.0, -1.0], [-1.0, 1.0]]), 1)).round(3).tolist()
    [[1.414], [1.414]]
    """
    from scipy.linalg import eigh

    n, width = values.shape
    if width <= limit or not n:
        return values
    # The smaller of the two products has the same eigenvalues, apart from zeros, and only the largest are needed.
    product = values.T @ values if width <= n else values @ values.T
    size = len(product)
    found, vectors = eigh(product, subset_by_index=[max(size - limit, 0), size - 1])
    components: Floats = values @ vectors if width <= n else vectors * np.sqrt(np.maximum(found, 0))
    return components[:, ::-1]


def averaged(values: Floats, lengths: Sequence[int]) -> Floats:
    """Shorten axes by averaging neighbours.

    Parameters
    ----------
    values : ndarray of float, shape (n, *axes, channels)
        Samples on a grid.
    lengths : sequence of int
        The length that each axis between the first and the last is to have, at most its own.

    Returns
    -------
    ndarray of float, shape (n, *lengths, channels)
        Means of neighbours; groups differ by one in size where lengths do not divide.

    Examples
    --------
    >>> averaged(np.arange(5.0).reshape(1, 5, 1), [2]).ravel()
    array([0.5, 3. ])
    """
    for axis, length in enumerate(lengths, start=1):
        starts = np.arange(length) * values.shape[axis] // length
        sizes = np.diff(np.append(starts, values.shape[axis]))
        shape = [-1 if other == axis else 1 for other in range(values.ndim)]
        values = np.add.reduceat(values, starts, axis=axis) / sizes.reshape(shape)
    return values


def frequencies(numbers: Array, limit: int) -> Floats:
    """Count how often each class occurs in each sample.

    Parameters
    ----------
    numbers : ndarray of int, shape (n, ...)
        Classes; negative where missing.
    limit : int
        How many of the classes, the most frequent first, get a column.

    Returns
    -------
    ndarray of float, shape (n, at most limit)
        Shares of what is present in a sample; NaN where nothing is.

    Examples
    --------
    >>> frequencies(np.array([[0, 2, 2], [2, 0, -1], [-1, -1, -1]]), 5).round(2).tolist()
    [[0.67, 0.33], [0.5, 0.5], [nan, nan]]
    """
    numbers = numbers.reshape(len(numbers), -1)
    classes, counts = np.unique(numbers[numbers >= 0], return_counts=True)
    chosen = classes[np.argsort(-counts, kind="stable")[:limit]]
    totals = (numbers >= 0).sum(axis=1).astype(np.float64)
    totals[totals == 0] = np.nan
    columns = [(numbers == number).sum(axis=1) / totals for number in chosen]
    return np.stack(columns, axis=1) if columns else np.full((len(numbers), 0), np.nan)
