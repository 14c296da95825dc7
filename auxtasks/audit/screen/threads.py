"""One thread for small matrices."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from auxtasks.optional import require


def one_thread() -> AbstractContextManager[Any]:
    """Keep linear algebra to one thread: its matrices are small here, and threads that wait for each other cost more.

    Returns
    -------
    context manager
        For the time of the block, in the whole process.

    Examples
    --------
    >>> with one_thread():
    ...     1 + 1
    2
    """
    limits: AbstractContextManager[Any] = require("threadpoolctl", extra="sklearn").threadpool_limits(limits=1)
    return limits
