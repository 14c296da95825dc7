"""A number of processes, checked."""

from __future__ import annotations

from auxtasks.errors import InvalidInputError
from auxtasks.validation import check_int


def check_n_process(value: object) -> int:
    """Return a number of processes, or refuse it.

    Parameters
    ----------
    value : int
        Positive, or -1 for one per processor.

    Returns
    -------
    int
        The value.

    Raises
    ------
    InvalidInputError, InvalidTypeError
        If it is something else.

    Examples
    --------
    >>> check_n_process(-1)
    -1
    """
    if value == 0:
        raise InvalidInputError("`n_process` must be positive, or -1 for one process per processor; got 0.")
    return check_int("n_process", value, low=-1)
