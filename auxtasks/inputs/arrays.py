"""Turning what users hold numbers in into arrays: lists, DataFrames, Series, object arrays."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.typing import Array

_NOT_NUMBERS = {
    "U": "strings",
    "S": "byte strings",
    "c": "complex numbers",
    "M": "dates",
    "m": "time differences",
    "V": "records",
    "T": "strings",
}


def parts_of(X: object) -> Sequence[object] | None:
    """Return the samples of a sequence of samples, or None for what is an array as a whole.

    Parameters
    ----------
    X : object
        What the user gave.

    Returns
    -------
    sequence or None
        The entries of a list, a tuple, a Series or a one-dimensional object array.

    Examples
    --------
    >>> parts_of([[1.0, 2.0], [3.0]])
    [[1.0, 2.0], [3.0]]
    """
    if hasattr(X, "to_numpy"):
        X = X.to_numpy()
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        return list(X)
    return X if isinstance(X, (list, tuple)) else None


def to_array(value: object, where: str) -> Array:
    """Return real numbers as an array, without a copy where it is one already.

    Parameters
    ----------
    value : array-like
        What the user gave.
    where : str
        How it is called in errors, such as ``"X[3]"``.

    Returns
    -------
    ndarray
        Of a boolean, integer or floating dtype.

    Raises
    ------
    InvalidTypeError
        If it holds anything but real numbers; the place is named.
    InvalidInputError
        If a number is too large for float64.

    Examples
    --------
    >>> to_array([1, 2], "X")
    array([1, 2])
    """
    if isinstance(value, np.ma.MaskedArray):
        raise InvalidTypeError(f"`{where}` is a masked array, whose mask would be lost; fill it or leave samples out.")
    if hasattr(value, "toarray"):
        raise InvalidTypeError(f"`{where}` is sparse, and dense arrays are expected; pass {where}.toarray().")
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    try:
        # An array stays the very object it was; of subclasses only memory maps behave as arrays throughout.
        array: Array = value if isinstance(value, np.memmap) else np.asarray(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InvalidTypeError(f"`{where}` cannot be read as an array of numbers: {error}") from error
    if array.dtype.kind in "biuf":
        return array
    if array.dtype == object:
        return _from_objects(array, where)
    found = _NOT_NUMBERS.get(array.dtype.kind, "values")
    raise InvalidTypeError(
        f"`{where}` must hold real numbers; found {found} (dtype {array.dtype}, shape {array.shape}). "
        "Convert them to numbers first."
    )


def _from_objects(array: Array, where: str) -> Array:
    """Convert an object array of numbers, such as mixed columns of a DataFrame give."""
    if array.ndim == 0:
        raise InvalidTypeError(f"`{where}` must be an array or a list of numbers; got a {type(array.item()).__name__}.")
    for place, item in zip(np.ndindex(array.shape), array.flat, strict=True):
        if not isinstance(item, Real):
            at = ", ".join(map(str, place))
            raise InvalidTypeError(
                f"`{where}` must hold real numbers; `{where}[{at}]` is {item!r:.40} of type {type(item).__name__}."
            )
    try:
        return array.astype(np.float64)
    except OverflowError as error:
        raise InvalidInputError(f"`{where}` holds a number too large for float64; rescale it first.") from error
