"""Checks of option values, each with an error that says what was expected and found."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral, Real

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name


def check_int(argument: str, value: object, *, low: int, high: int | None = None) -> int:
    """Return an option as an int within ``[low, high]``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InvalidTypeError(f"`{argument}` must be an integer; got {value!r} of type {type(value).__name__}.")
    _check_range(argument, value, low, high)
    return int(value)


def check_number(argument: str, value: object, *, low: float, high: float | None = None) -> float:
    """Return an option as a finite float within ``[low, high]``; the counterpart of `check_int`."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidTypeError(f"`{argument}` must be a number; got {value!r} of type {type(value).__name__}.")
    _check_range(argument, value, low, high)
    return float(value)


def check_processes(argument: str, value: object) -> int:
    """Return a number of threads or processes: positive, or -1 for one per processor."""
    number = check_int(argument, value, low=-1, high=1024)
    if number == 0:
        raise InvalidInputError(f"`{argument}` must be positive, or -1 for one per processor; got 0.")
    return number


def check_choice(argument: str, value: object, valid: Collection[str]) -> str:
    """Return an option that must be one of some names."""
    if not isinstance(value, str) or value not in valid:
        raise unknown_name(argument, value, valid, "choice")
    return value


def check_flag(argument: str, value: object) -> bool:
    """Return an option that must be True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidTypeError(f"`{argument}` must be True or False; got {value!r} of type {type(value).__name__}.")
    return bool(value)


def _check_range(argument: str, value: Real | Integral, low: float, high: float | None) -> None:
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        number = float("inf")
    if not (low <= number <= (float("inf") if high is None else high)) or number in (float("inf"), float("-inf")):
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        bounds = "finite" if low == float("-inf") and high is None else bounds
        raise InvalidInputError(f"`{argument}` must be {bounds}; got {value!r}.")
