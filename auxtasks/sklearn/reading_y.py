"""Reading y: labels in any form, and which of them are missing."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import DataConversionWarning

from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array


def read_y(y: Any, unlabelled: Any = None) -> tuple[Array, Array]:
    """Return labels as an array, and which entries are missing.

    Parameters
    ----------
    y : array-like
        One row for each sample.
    unlabelled : object
        What stands for a missing label, beside NaN and None.

    Returns
    -------
    tuple of ndarray, shape (n,) or (n, outputs), and ndarray of bool of that shape
        The labels in any dtype.

    Raises
    ------
    InvalidInputError
        If there are none, or they have other axes or infinite values, or hold what NumPy makes of a missing label among
        strings: ``"nan"`` or ``"-1"``.
    """
    if y is None:
        raise InvalidInputError("This estimator requires y to be passed, but the target y is None.")
    y = y.toarray() if hasattr(y, "toarray") else y.to_numpy() if hasattr(y, "to_numpy") else y
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise InvalidInputError(f"`y` cannot be read as an array, one row for each sample: {error}") from error
    if array.dtype.kind == "U" and not hasattr(y, "dtype"):
        # Of a list of strings with -1 or NaN among them NumPy makes strings, "-1" and "nan".
        array = np.asarray(y, object)
    if array.ndim not in (1, 2) or not array.size:
        raise InvalidInputError(f"`y` should be a 1d array, or one of shape (n, outputs); got shape {array.shape}.")
    if array.shape[1:] == (1,):
        message = "A column-vector y was passed when a 1d array was expected; pass y.ravel()."
        warnings.warn(message, DataConversionWarning, stacklevel=4)
        array = array[:, 0]
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise InvalidInputError("Input y contains infinity; leave such samples out, or use NaN for a missing label.")
    return array, _missing(array, unlabelled)


def _missing(array: Array, unlabelled: Any) -> Array:
    if array.dtype == object:
        flat = [_stands_for_nothing(value) or _is(value, unlabelled) for value in array.flat]
        return np.array(flat, bool).reshape(array.shape)
    found = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
    same_kind = array.dtype.kind in "iuf" and isinstance(unlabelled, (int, float, np.number))
    if array.dtype.kind == "U":
        _refuse_made_strings(array, unlabelled)
        same_kind = isinstance(unlabelled, str)
    return found | (array == unlabelled) if same_kind else found


def _refuse_made_strings(array: Array, unlabelled: Any) -> None:
    """Refuse what ``names[unknown] = -1`` makes: a string that would be taken for a class."""
    made = {"nan"} | ({str(unlabelled)} if isinstance(unlabelled, (int, float)) else set())
    found = sorted((made - {unlabelled}).intersection(array.ravel().tolist()))
    if found:
        raise InvalidInputError(
            f"`y` holds the string {found[0]!r}, as NumPy writes a missing label into an array of strings; pass "
            f"unlabelled={found[0]!r} if it is one, or an array of dtype object if it is a class."
        )


def _stands_for_nothing(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and np.isnan(value))


def _is(value: Any, unlabelled: Any) -> bool:
    return isinstance(value, str) == isinstance(unlabelled, str) and bool(value == unlabelled)


def plain(values: Array) -> Array:
    """Give objects the dtype that they have in common, by which scikit-learn tells classes from numbers.

    Parameters
    ----------
    values : ndarray
        Labels that are present.

    Returns
    -------
    ndarray
        The same labels.

    Examples
    --------
    >>> plain(np.array(["a", "b"], object)).dtype
    dtype('<U1')
    """
    return np.array(values.tolist()) if values.dtype == object else values
