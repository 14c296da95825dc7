"""The columns of a vector: their names, and which of them teach nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auxtasks.inputs.chunks import row_slices
from auxtasks.scaling.moments import Moments
from auxtasks.typing import Array

CONSTANT, COPY, ABSENT = "constant", "copy of", "no value"


def column_names(natural: Sequence[int], axes: Sequence[str], name: str) -> tuple[str, ...]:
    """Name the columns of a flattened vector.

    Parameters
    ----------
    natural : sequence of int
        The shape of one sample's vector before it was flattened.
    axes : sequence of str
        The names of its axes; axes without one are called ``"value"``.
    name : str
        The name of the target, for a vector without axes.

    Returns
    -------
    tuple of str
        In the order of the flattened values.

    Examples
    --------
    >>> column_names((1, 2), ["channel", "coefficient"], "fft")
    ('channel 0, coefficient 0', 'channel 0, coefficient 1')
    """
    if not natural:
        return (name,)
    words = [*axes, *["value"] * (len(natural) - len(axes))]
    labels = [[f"{word} {i}" for i in range(length)] for word, length in zip(words, natural, strict=False)]
    names = [""]
    for axis in labels:
        names = [f"{before}, {label}" if before else label for before in names for label in axis]
    return tuple(names)


def constant(found: Moments, eps: float) -> Array:
    """Mark what varies no more than rounding makes a constant vary.

    Parameters
    ----------
    found : Moments
        The statistics.
    eps : float
        The relative rounding error of the values.

    Returns
    -------
    ndarray of bool
        True where the standard deviation is at most four rounding errors of the mean.

    Examples
    --------
    >>> constant(Moments(np.ones(2), np.ones(2), np.array([0.0, 1.0])), 1e-7)
    array([ True, False])
    """
    result: Array = found.std <= 4 * eps * np.abs(found.mean)
    return result


def useless(values: Array, found: Moments, eps: float) -> dict[int, tuple[str, int]]:
    """Find the columns that are constant, never present or exact copies of an earlier one.

    Parameters
    ----------
    values : ndarray of float, shape (n, d)
        The target.
    found : Moments
        Its statistics.
    eps : float
        The relative rounding error of the values.

    Returns
    -------
    dict of int to (str, int)
        For such a column the reason and, for a copy, the column it copies (-1 otherwise).

    Examples
    --------
    >>> from auxtasks.scaling.moments import moments
    >>> values = np.array([[1.0, 5.0, 1.0], [2.0, 5.0, 2.0]])
    >>> useless(values, moments(values, log1p=False, name="a"), 1e-7)
    {1: ('constant', -1), 2: ('copy of', 0)}
    """
    reasons: dict[int, tuple[str, int]] = {}
    seen: dict[tuple[float, float, float], list[int]] = {}
    still = constant(found, eps)
    keys = zip(found.count.tolist(), found.mean.tolist(), found.squares.tolist(), strict=True)
    for column, key in enumerate(keys):
        if key[0] == 0:
            reasons[column] = (ABSENT, -1)
        elif still[column]:
            reasons[column] = (CONSTANT, -1)
        else:
            # Copies have the very same statistics; few other columns do, so few are compared value by value.
            earlier = seen.setdefault(key, [])
            twin = next((other for other in earlier if _same(values, other, column)), None)
            if twin is None:
                earlier.append(column)
            else:
                reasons[column] = (COPY, twin)
    return reasons


def _same(values: Array, a: int, b: int) -> bool:
    chunks = row_slices(len(values), 2 * values.itemsize)
    return all(np.array_equal(values[rows, a], values[rows, b], equal_nan=True) for rows in chunks)
