"""The doors: checks of arguments, each with an error that says what was expected and found.

Whatever comes, a check returns a value of the promised type or raises an error of auxtasks: nothing is hashed,
compared or iterated over before its type is known.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from auxtasks.columns import in_memory, is_column, plain_array
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name, wrong_type
from auxtasks.typing import Array

LARGEST_INT = 2**63 - 1
LARGEST_NUMBER = float(np.finfo(np.float32).max)
MOST_PROCESSES = 4096
MOST_UNITS = 10_000_000
"""So many units a layer can have: more are a slip."""


def is_integer(value: object) -> TypeGuard[int]:
    """Tell whether something is an integer, also one of NumPy; neither a flag nor a span of time is."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_, np.timedelta64))


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether something is a real number; neither a flag nor a span of time is."""
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_, np.timedelta64))


def check_int(argument: str, value: object, *, low: int, high: int = LARGEST_INT) -> int:
    """Return an option as an int within ``[low, high]``, by default of 64 bits."""
    if not is_integer(value):
        raise wrong_type(argument, "an integer", value)
    number = int(value)
    if not low <= number <= high:
        raise _out_of_range(argument, number, low, high)
    return number


def check_number(argument: str, value: object, *, low: float, high: float = LARGEST_NUMBER) -> float:
    """Return an option as a float within ``[low, high]``, by default of those that float32 holds."""
    if not is_number(value):
        raise wrong_type(argument, "a number", value)
    # Integers are compared as such: the largest are no floats.
    number = int(value) if is_integer(value) else float(value)
    if not low <= number <= high:
        raise _out_of_range(argument, number, low, high)
    return float(number)


def check_processes(argument: str, value: object) -> int:
    """Return a number of threads or processes: positive, or -1 for one per processor."""
    number = check_int(argument, value, low=-1, high=MOST_PROCESSES)
    if number == 0:
        raise InvalidInputError(f"`{argument}` must be positive, or -1 for one per processor; got 0.")
    return number


def check_choice(argument: str, value: object, valid: Collection[str], what: str = "choice") -> str:
    """Return an option that must be one of some names; `what` says what such a name stands for."""
    if not isinstance(value, str) or value not in valid:
        raise unknown_name(argument, value, valid, what)
    return value


def check_keys(argument: str, value: object, valid: Collection[Any], what: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise wrong_type(argument, f"a mapping with names ({what}) as keys", value)
    known = set(valid)
    for name in value:
        if name not in known:
            raise unknown_name(argument, name, valid, what)
    return dict(value)


def check_flag(argument: str, value: object) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise wrong_type(argument, "True or False", value)
    return bool(value)


def check_name(argument: str, value: object) -> str:
    """Return a name for something new, which Keras can use for a layer."""
    if not isinstance(value, str) or not value or "/" in value:
        raise wrong_type(argument, "a name, that is a string without '/'", value)
    return value


def check_names(argument: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) for name in value):
        raise wrong_type(argument, "a list of names", value)
    return tuple(value)


def is_several(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell whether something is a sequence of values, an array among them, and not one value or text."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def is_listed(value: object) -> TypeGuard[Iterable[Any]]:
    """Tell whether something can be gone through entry by entry: no text, class or array without axes."""
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes, bytearray, type)):
        return False
    return getattr(value, "shape", None) != ()


def check_path(argument: str, value: object) -> Path:
    path = os.fspath(value) if isinstance(value, os.PathLike) and not isinstance(value, type) else value
    if not isinstance(path, str):
        raise wrong_type(argument, "a path", value)
    try:
        # How long a name may be the system says when it is used.
        can_be = bool(path) and b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        can_be = False
    if not can_be:
        raise InvalidInputError(f"`{argument}` must be a path that the system can hold; got {abbreviated(value)}.")
    return Path(path)


DEEPEST = 32


def check_depth(argument: str, value: object) -> None:
    """Refuse lists and mappings inside each other without end, or nearly so, which others would follow."""
    level: list[Any] = [[value]]  # of containers
    for _ in range(DEEPEST):
        parts = [part for each in level for part in (each.values() if isinstance(each, Mapping) else each)]
        level = list({id(part): part for part in parts if isinstance(part, (list, tuple, Mapping))}.values())
    if level:
        raise InvalidInputError(f"`{argument}` must not hold lists or mappings more than {DEEPEST} deep in each other.")


def as_array(argument: str, value: Any) -> Array:
    """Return what a user gives for an array as one, of whatever dtype, without a copy where it is one already."""
    if isinstance(value, np.ma.MaskedArray):
        raise InvalidTypeError(
            f"`{argument}` is a masked array, whose mask would be lost; fill it or leave samples out."
        )
    if isinstance(value, type):
        raise wrong_type(argument, "an array, not a class", value)
    if hasattr(value, "toarray"):
        raise InvalidTypeError(f"`{argument}` is sparse, and dense arrays are expected; pass {argument}.toarray().")
    try:
        value = in_memory(value)
        # An array stays the very object it was; of subclasses only memory maps behave as arrays throughout.
        if isinstance(value, np.memmap):
            return value
        return plain_array(value) if is_column(value) else np.asarray(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InvalidTypeError(f"`{argument}` cannot be read as an array of numbers: {error}") from error


def count_rows(argument: str, value: Any) -> int:
    if isinstance(value, type) or not hasattr(value, "__len__") or getattr(value, "shape", (1,)) == ():
        raise wrong_type(argument, "an array or a sequence with an entry for each sample", value)
    shape = getattr(value, "shape", None)
    return int(shape[0]) if isinstance(shape, tuple) else len(value)


def is_real(dtype: np.dtype[Any]) -> bool:
    """Tell whether a dtype is of flags, integers or floats of NumPy, with which it can compute."""
    return dtype.kind in "biuf" and issubclass(dtype.type, (np.bool_, np.number))


def as_numbers(argument: str, value: object) -> Array:
    """Return what a user gives for an array of integers, floats or booleans as one."""
    array = as_array(argument, value)
    if not is_real(array.dtype):
        raise InvalidTypeError(
            f"`{argument}` must hold numbers; found dtype {array.dtype} and shape {array.shape}. Convert it first."
        )
    return array


def _out_of_range(argument: str, value: float, low: float, high: float) -> InvalidInputError:
    # A bound that only slips go beyond is said only of these.
    open_above = high >= 2**16 and low != -high and not value > high
    bounds = f"at least {low}" if open_above else f"from {low} to {high}"
    bounds = "finite" if low == -math.inf else bounds
    return InvalidInputError(f"`{argument}` must be {bounds}; got {abbreviated(value)}.")
