"""Which columns of a vector hold the very same values, part by part."""

from __future__ import annotations

import numpy as np

from auxtasks.inputs.chunks import row_slices
from auxtasks.scaling.moments import Moments
from auxtasks.typing import Array


def first_twins(values: Array, found: Moments) -> Array:
    """Tell for each column which is the first with the same values in every row.

    Parameters
    ----------
    values : ndarray of float, shape (n, d)
        The target; missing values are equal to each other.
    found : Moments
        Its statistics.

    Returns
    -------
    ndarray of int, shape (d,)
        The column itself where no earlier one is the same.

    Examples
    --------
    >>> from auxtasks.scaling.moments import moments
    >>> values = np.array([[1.0, 5.0, 1.0], [2.0, 5.0, 2.0]])
    >>> first_twins(values, moments(values, log1p=False, name="a"))
    array([0, 1, 0])
    """
    first = np.arange(values.shape[1])
    seen: dict[tuple[float, float, float], list[int]] = {}
    keys = zip(found.count.tolist(), found.mean.tolist(), found.squares.tolist(), strict=True)
    for column, key in enumerate(keys):
        # Copies have the very same statistics; few other columns do, so few are compared value by value.
        earlier = seen.setdefault(key, [])
        twin = next((other for other in earlier if _same(values, other, column)), None)
        if twin is None:
            earlier.append(column)
        else:
            first[column] = twin
    return first


def merge_twins(a: Array, b: Array) -> Array:
    """Tell for each column which is the first with the same values in both parts.

    Parameters
    ----------
    a, b : ndarray of int, shape (d,)
        What `first_twins` tells of each part.

    Returns
    -------
    ndarray of int, shape (d,)
        The same of both; in whatever order parts are merged.

    Examples
    --------
    >>> merge_twins(np.array([0, 0, 0, 0]), np.array([0, 1, 1, 0]))
    array([0, 1, 1, 0])
    """
    _, first, group = np.unique(np.stack([a, b]), axis=1, return_index=True, return_inverse=True)
    return np.asarray(first[group.ravel()])


def _same(values: Array, a: int, b: int) -> bool:
    chunks = row_slices(len(values), 2 * values.itemsize)
    return all(np.array_equal(values[rows, a], values[rows, b], equal_nan=True) for rows in chunks)
