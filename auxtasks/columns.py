"""The forms in which people hold labels and samples: masked arrays, pandas, polars, Arrow, Dask, Hugging Face, lists.

Each is brought to a NumPy array. Integers, booleans and strings with a gap become an array of objects with None in it,
and floats have NaN there: so every form says "missing" alike, and integers with gaps stay integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.optional import is_dask
from auxtasks.typing import Array


def plain_array(values: Any) -> Array:
    """Return what holds numbers or strings as a NumPy array, None or NaN where an entry is null or masked."""
    if isinstance(values, type):  # has all the methods of its objects
        return np.array(values, object)
    values = in_memory(values)
    if isinstance(values, np.ma.MaskedArray):
        return _with_gaps(np.asarray(values.data), np.ma.getmaskarray(values))
    if hasattr(values, "toarray"):  # sparse
        return np.asarray(values.toarray())
    is_arrow = hasattr(values, "to_pylist")
    if hasattr(values, "get_columns") or (is_arrow and getattr(values, "columns", None) is not None):
        columns = values.columns if is_arrow else values.get_columns()
        return np.stack([plain_array(column) for column in columns], axis=1)
    if is_arrow:
        return _with_nulls(values, values.null_count, values.to_pylist, str(values.type))
    if hasattr(values, "to_list") and hasattr(values, "null_count"):  # polars
        return _with_nulls(values, values.null_count(), values.to_list, str(values.dtype).lower())
    if _is_extended(values):
        # pandas' own dtypes know missing values; read as numbers, integers with missing ones would become floats.
        values = values.astype(object)
    if hasattr(values, "to_numpy"):
        return np.asarray(values.to_numpy())
    return _of_list(values) if isinstance(values, (list, tuple)) else np.asarray(values)


def in_memory(values: Any) -> Any:
    """Compute a collection of Dask, and read a sequence that is neither an array nor a list, as of a data set."""
    if is_dask(values) and callable(getattr(values, "compute", None)):
        return values.compute()
    if not isinstance(values, Sequence) or isinstance(values, (list, tuple, str, bytes)):
        return values
    part = values[:]  # at once: Hugging Face reads row by row otherwise
    return list(part) if isinstance(part, type(values)) else part


def entries_of(values: Any) -> Any:
    """Return what holds one sample an entry, such as a column of lists or texts, as a list; all else as it is."""
    values = in_memory(values)
    if isinstance(values, (np.ndarray, list, tuple)) or not is_column(values):
        return values
    array = plain_array(values)
    return list(array) if array.dtype == object and array.ndim == 1 else array


def is_column(values: Any) -> bool:
    """Tell whether something is a column, or a table of columns, of pandas, polars or Arrow."""
    if isinstance(values, type):
        return False
    return hasattr(values, "to_numpy") or hasattr(values, "to_pylist") or _is_extended(values)


def _is_extended(values: Any) -> bool:
    """Tell whether a dtype is one that pandas adds to those of NumPy."""
    dtypes = np.atleast_1d(np.asarray(getattr(values, "dtypes", getattr(values, "dtype", ())), dtype=object))
    return any(hasattr(dtype, "na_value") or hasattr(dtype, "categories") for dtype in dtypes)


def _with_gaps(values: Array, missing: Array) -> Array:
    if not missing.any():
        return values
    if values.dtype.kind == "f":
        return np.where(missing, values.dtype.type(np.nan), values)
    found = values.astype(object)
    found[missing] = None
    return found


def _with_nulls(values: Any, n_missing: int, entries: Callable[[], list[Any]], dtype: str) -> Array:
    """Return a column as it is where it holds numbers alone, and by its entries where it does not."""
    if not n_missing:
        array = np.asarray(values)
        if array.dtype.kind in "biuf":
            return array
    if dtype.startswith(("float", "double", "halffloat")):
        return np.array([np.nan if entry is None else entry for entry in entries()], np.float64)
    return _of_list(entries())


def _of_list(values: Sequence[Any]) -> Array:
    if any(isinstance(value, np.ma.MaskedArray) for value in values):
        values = [None if value is np.ma.masked else plain_array(value).tolist() for value in values]
    try:
        array = np.asarray(values)
        # NumPy makes strings of all that a list with one string holds, and floats of -1 and 2**63.
        mixed = array.dtype.kind in "US" or (array.dtype == np.float64 and bool((np.abs(array) >= 2.0**63).any()))
    except ValueError:  # lists of different lengths
        mixed = True
    return np.asarray(values, dtype=object) if mixed else array


# What the entries are

Family = Literal["integer", "float", "string", "unknown"]
"""What entries are; booleans count as integers, and what is missing or no label is unknown."""


@dataclass(frozen=True)
class Column:
    """Labels of one family."""

    values: Array  # booleans or integers, floats or `str` objects; 0, NaN or "" where missing
    missing: Array  # where a value is missing
    family: Family  # unknown if all are missing; booleans count as integers


class StepLabels(Column):
    """Labels of shape (n, time) that are known to be classes of single steps, also where all are 0 or 1."""


def read_column(name: str, values: object) -> Column:
    """Turn labels into an array of one family of values, and where they are missing; `name` stands in errors."""
    if isinstance(values, Column):
        return values
    try:
        array = _stacked(plain_array(values))
    except ValueError:
        raise InvalidInputError(f"{name} must be an array; its entries differ in shape.") from None
    except (TypeError, RuntimeError) as error:
        raise InvalidTypeError(f"{name} cannot be read as an array of labels: {error}") from error
    if array.dtype.kind in "OUT":
        return _of_objects(name, array.astype(object))
    if array.dtype.kind in "biu":
        return Column(array, np.zeros(array.shape, np.bool_), "integer")
    if array.dtype.kind == "f":
        return Column(array, np.isnan(array), "float")
    raise InvalidTypeError(
        f"{name} must hold integers, floats, booleans or strings; got an array of dtype {array.dtype}. Convert it "
        "first."
    )


def is_missing(value: object) -> bool:
    """Tell whether an entry of an object array stands for a missing label: None, NaN, pandas' NA and NaT."""
    # pandas' own are known by name, so that pandas need not be loaded.
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def family_of(value: object) -> Family:
    if isinstance(value, str):
        return "string"
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return "integer"
    return "float" if isinstance(value, (float, np.floating)) else "unknown"


def _stacked(array: Array) -> Array:
    """Make one array of a column of lists or arrays of the same shape."""
    if array.dtype != object or array.ndim != 1 or not array.size:
        return array
    if not all(isinstance(entry, (list, tuple, np.ndarray)) for entry in array):
        return array
    return _of_list([plain_array(entry).tolist() for entry in array])


def _of_objects(name: str, array: Array) -> Column:
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
                f"{name} must hold labels of one type; expected {expected}, at position {position} of shape "
                f"{array.shape}, found {type(flat[index]).__name__}. Entries of different lengths also look like this."
            )
        family = "float" if "float" in (family, found) else found
    return _filled(flat, missing.reshape(array.shape), family)


def _filled(flat: list[Any], missing: Array, family: Family) -> Column:
    """Put the neutral value where one is missing, and give the whole its dtype."""
    neutral: Any = {"integer": False, "string": ""}.get(family, np.nan)
    # Without a dtype integers become int64, and booleans stay booleans; strings stay objects.
    dtype: Any = {"integer": None, "string": object}.get(family, np.float64)
    values = [neutral if gone else value for value, gone in zip(flat, missing.ravel().tolist(), strict=True)]
    array = np.array(values, dtype)
    if family == "integer" and array.dtype.kind == "f":  # no dtype of NumPy holds both -1 and 2**63
        array = np.array(values, object)
    return Column(array.reshape(missing.shape), missing, family)
