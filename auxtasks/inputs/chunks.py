"""Walking through samples in pieces that fit a processor's cache, in order or in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from auxtasks.inputs.progress import shown
from auxtasks.optional import require

CHUNK_BYTES = 512 * 1024
"""Converted input a chunk holds: it stays in the second-level cache while every task reads it."""


def row_slices(n: int, bytes_per_row: int) -> Iterator[slice]:
    """Cut ``n`` rows into slices of at most `CHUNK_BYTES`, and of one row at least.

    Parameters
    ----------
    n : int
        How many rows there are.
    bytes_per_row : int
        How many bytes a row takes.

    Yields
    ------
    slice
        Consecutive slices that cover the rows once.

    Examples
    --------
    >>> list(row_slices(5, 200 * 1024))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, CHUNK_BYTES // max(1, bytes_per_row))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def for_each(function: Callable[[Any], int], chunks: Sequence[Any], *, n_jobs: int, progress: bool) -> list[int]:
    """Call a function on every chunk, in threads where asked.

    Parameters
    ----------
    function : callable
        Takes a chunk, writes what it finds to places no other chunk writes to, and returns a count.
    chunks : sequence
        The chunks.
    n_jobs : int
        How many threads; -1 for one per processor.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    list of int
        The counts, in the order of the chunks.

    Examples
    --------
    >>> for_each(lambda chunk: 2 * chunk, [1, 2, 3], n_jobs=1, progress=False)
    [2, 4, 6]
    """
    results: Any = map(function, chunks)
    if n_jobs != 1:
        joblib = require("joblib", extra="parallel")
        # Threads, not processes: NumPy releases the lock while it computes, and nothing has to be copied.
        workers = joblib.Parallel(n_jobs=n_jobs, backend="threading", return_as="generator")
        results = workers(joblib.delayed(function)(chunk) for chunk in chunks)
    return list(shown(results, len(chunks), progress, unit="chunk"))
