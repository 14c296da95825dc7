"""The columns of a vector: their names, and which of them teach nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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


def useless(found: Moments, twins: Array, eps: float) -> dict[int, tuple[str, int]]:
    """Find the columns that are constant, never present or exact copies of an earlier one.

    Parameters
    ----------
    found : Moments
        The statistics of the columns.
    twins : ndarray of int, shape (d,)
        For each column, the first with the same values.
    eps : float
        The relative rounding error of the values.

    Returns
    -------
    dict of int to (str, int)
        For such a column the reason and, for a copy, the column it copies (-1 otherwise).

    Examples
    --------
    >>> found = Moments(np.full(3, 2.0), np.array([1.5, 5.0, 1.5]), np.array([0.5, 0.0, 0.5]))
    >>> useless(found, np.array([0, 1, 0]), 1e-7)
    {1: ('constant', -1), 2: ('copy of', 0)}
    """
    reasons: dict[int, tuple[str, int]] = {}
    still = constant(found, eps)
    for column, twin in enumerate(twins.tolist()):
        if found.count[column] == 0:
            reasons[column] = (ABSENT, -1)
        elif still[column]:
            reasons[column] = (CONSTANT, -1)
        elif twin != column:
            reasons[column] = (COPY, twin)
    return reasons
