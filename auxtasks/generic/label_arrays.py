"""From what a user may give as labels to an array of integers, floats or strings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.generic.label_values import Family, family_of, is_missing
from auxtasks.typing import Array


@dataclass(frozen=True)
class Labels:
    """Labels of one family.

    Parameters
    ----------
    values : ndarray
        Booleans or integers, floats or `str` objects; 0, NaN or ``""`` where missing.
    missing : ndarray of bool
        Where a value is missing.
    family : str
        What the labels are; unknown if all are missing. Booleans count as integers.
    """

    values: Array
    missing: Array
    family: Family


def as_labels(name: str, values: object, n: int | None) -> Labels:
    """Turn labels into an array of one family of values, and where they are missing.

    Parameters
    ----------
    name : str
        The name of the labels, for errors.
    values : array-like
        An array, a list, a pandas Series or DataFrame. None, NaN and pandas' NA are missing.
    n : int or None
        The number of samples expected; any with None.

    Returns
    -------
    Labels
        The values; integers or strings of shape (n, 1) become (n,).

    Raises
    ------
    InvalidTypeError
        If the values are no numbers or strings, or mixed; in an object array or a list, with the position.
    InvalidInputError
        If the shapes of nested arrays differ, a float is infinite, or there are not `n` labels.

    Examples
    --------
    >>> labels = as_labels("colour", ["red", None], 2)
    >>> labels.values.tolist(), labels.missing.tolist(), labels.family
    (['red', ''], [False, True], 'string')
    """
    array = _to_array(name, values)
    if array.ndim == 0 or (n is not None and len(array) != n):
        expected = "each sample" if n is None else f"each of the {n} samples"
        raise InvalidInputError(
            f"`{name}` must have one entry for {expected}; found shape {array.shape}. "
            "Give labels in the order of the samples, missing ones included."
        )
    if array.dtype.kind in "OUT":
        labels = _from_objects(name, array.astype(object))
    elif array.dtype.kind in "biu":
        labels = Labels(array, np.zeros(array.shape, np.bool_), "integer")
    elif array.dtype.kind == "f":
        labels = Labels(array, np.isnan(array), "float")
    else:
        raise InvalidTypeError(
            f"`{name}` must hold integers, floats, booleans or strings; got an array of dtype {array.dtype}. "
            "Convert it first."
        )
    _check_finite(name, labels)
    if labels.family != "float" and labels.values.shape[1:] == (1,):
        return Labels(labels.values[:, 0], labels.missing[:, 0], labels.family)
    return labels


def _to_array(name: str, values: Any) -> Array:
    dtypes = np.atleast_1d(np.asarray(getattr(values, "dtypes", getattr(values, "dtype", ())), dtype=object))
    if any(hasattr(dtype, "na_value") or hasattr(dtype, "categories") for dtype in dtypes):
        # pandas' own dtypes know missing values; read as numbers, integers with missing ones would become floats.
        values = values.astype(object)
    if hasattr(values, "to_numpy"):
        return np.asarray(values.to_numpy())
    try:
        array = np.asarray(values)
        # NumPy makes strings of all that a list with one string holds.
        mixed = isinstance(values, (list, tuple)) and array.dtype.kind in "US"
    except ValueError:
        mixed = True
    try:
        return np.asarray(values, dtype=object) if mixed else array
    except ValueError:
        raise InvalidInputError(f"`{name}` must be an array; its entries differ in shape.") from None


def _from_objects(name: str, array: Array) -> Labels:
    flat = array.ravel().tolist()
    missing = np.array([is_missing(value) for value in flat], np.bool_)
    family: Family = "unknown"
    for index in np.flatnonzero(~missing).tolist():
        found = family_of(flat[index])
        mixed = family != "unknown" and (found == "string") != (family == "string")
        if found == "unknown" or mixed:
            position = ", ".join(map(str, np.unravel_index(index, array.shape)))
            expected = f"{family} labels, as before it" if mixed else "an integer, float, boolean or string"
            raise InvalidTypeError(
                f"`{name}` must hold labels of one type; expected {expected}, at position {position} of shape "
                f"{array.shape}, found {type(flat[index]).__name__}. Entries of different lengths also look like this."
            )
        family = "float" if "float" in (family, found) else found
    return _filled(flat, missing.reshape(array.shape), family)


def _filled(flat: list[Any], missing: Array, family: Family) -> Labels:
    """Put the neutral value where one is missing, and give the whole its dtype."""
    neutral: Any = {"integer": False, "string": ""}.get(family, np.nan)
    # Without a dtype integers become int64 or uint64, and booleans stay booleans; strings stay objects.
    dtype: Any = {"integer": None, "string": object}.get(family, np.float64)
    values = [neutral if gone else value for value, gone in zip(flat, missing.ravel().tolist(), strict=True)]
    return Labels(np.array(values, dtype).reshape(missing.shape), missing, family)


def _check_finite(name: str, labels: Labels) -> None:
    if labels.family == "float" and np.isinf(labels.values).any():
        position = tuple(np.argwhere(np.isinf(labels.values))[0].tolist())
        raise InvalidInputError(
            f"`{name}` must be finite, or NaN where missing; found {labels.values[position]} at position {position}."
        )
