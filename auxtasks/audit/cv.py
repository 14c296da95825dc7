"""The argument `cv`: what it may be, and what its parts may hold."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.typing import Array


def checked_cv(cv: Any) -> Any:
    """Return a way of splitting that gives the same however often it is asked: what can be read once is made a list.

    Parameters
    ----------
    cv : None, int, scikit-learn splitter or iterable of (train, test)
        The way.

    Returns
    -------
    None, int, scikit-learn splitter or list of tuple
        The same; what was returned is left as it is.

    Raises
    ------
    InvalidTypeError
        If it is none of these, or an entry is not a pair.
    InvalidInputError
        If it is a number below 2.

    Examples
    --------
    >>> checked_cv(np.int64(3)), checked_cv(iter([([0, 1], [2])]))
    (3, [([0, 1], [2])])
    """
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        if cv < 2:
            raise InvalidInputError(f"`cv` must be at least 2 folds; got {cv}.")
        return int(cv)
    if cv is None or (hasattr(cv, "split") and not isinstance(cv, (str, bytes))):
        return cv
    if not isinstance(cv, Iterable) or isinstance(cv, (str, bytes)):
        raise InvalidTypeError(
            f"`cv` must be a number of folds, a scikit-learn splitter or an iterable of (train, test); got {cv!r}."
        )
    pairs = list(cv)
    for number, pair in enumerate(pairs):
        if (
            not isinstance(pair, (tuple, list, np.ndarray))
            or len(pair) != 2
            or any(np.ndim(part) != 1 for part in pair)
        ):
            raise InvalidTypeError(
                f"`cv`: entry {number} must be a pair (train, test) of sample numbers; got {type(pair).__name__} "
                f"{pair!r}."
            )
    return [tuple(pair) for pair in pairs]


def numbers_of(part: Any, n: int) -> Array:
    """Return the sample numbers of one part.

    Parameters
    ----------
    part : sequence of int, or of n bool
        What a splitter or an entry of a list gave: numbers, or a mask.
    n : int
        The number of samples that are split.

    Returns
    -------
    ndarray of int
        Each number once.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If it is neither, or a number is out of range or repeated.

    Examples
    --------
    >>> numbers_of([True, False, True], 3)
    array([0, 2])
    """
    numbers = np.asarray(part)
    if numbers.ndim != 1:
        raise InvalidTypeError(f"`cv` must give parts as lists of sample numbers; got {part!r}.")
    if numbers.dtype == bool:
        if len(numbers) != n:
            raise InvalidInputError(
                f"`cv`: a mask must have one entry for each of the {n} labelled samples; found {len(numbers)}."
            )
        return np.flatnonzero(numbers)
    if not len(numbers):
        return np.empty(0, dtype=np.int64)
    if numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= n:
        raise InvalidInputError(
            f"`cv` must give numbers from 0 to {n - 1}, which count the labelled samples; found {numbers[:5]}..."
        )
    values, counts = np.unique(numbers, return_counts=True)
    if counts.max() > 1:
        raise InvalidInputError(
            f"`cv` must give each sample once a part; number {values[counts.argmax()]} is there {counts.max()} times."
        )
    return numbers
