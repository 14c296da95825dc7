"""Checks of the options that are a pair of rows and columns."""

from __future__ import annotations

from collections.abc import Sequence

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.validation import check_int


def check_pair(argument: str, value: object) -> tuple[int, int]:
    """Return an option as (rows, columns), both positive.

    Parameters
    ----------
    argument : str
        The option's name, for the error.
    value : object
        What was given: one integer for both, or two of them.

    Returns
    -------
    tuple of int
        The rows and the columns.

    Raises
    ------
    InvalidTypeError
        If it is neither an integer nor a sequence, or holds something else than integers.
    InvalidInputError
        If it does not hold two numbers, or one is below 1.

    Examples
    --------
    >>> check_pair("size", 4), check_pair("size", [2, 3])
    ((4, 4), (2, 3))
    """
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        length = check_int(argument, value, low=1)
        return length, length
    if len(value) != 2:
        raise InvalidInputError(f"`{argument}` must be (rows, columns) or one integer for both; got {value!r}.")
    return check_int(argument, value[0], low=1), check_int(argument, value[1], low=1)


def check_flag(argument: str, value: object) -> bool:
    """Return an option that must be True or False.

    Parameters
    ----------
    argument : str
        The option's name, for the error.
    value : object
        What was given.

    Returns
    -------
    bool
        The value.

    Raises
    ------
    InvalidTypeError
        If it is not a boolean.
    """
    if not isinstance(value, bool):
        raise InvalidTypeError(f"`{argument}` must be True or False; got {value!r} of type {type(value).__name__}.")
    return value
