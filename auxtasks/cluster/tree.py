"""Merging what partitions tell, a few at a time, so that no worker holds many of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, Protocol, TypeVar

from auxtasks.cluster.graph import layer

SPLIT_EVERY = 8
"""How many are merged at once, as in Dask's own reductions."""


class Mergeable(Protocol):
    """What some samples tell."""

    def merged(self, other: Any) -> Any:
        """Return what both sets of samples tell together."""


Found = TypeVar("Found", bound=Mergeable)


def merge(parts: Sequence[Found]) -> Found:
    """Merge in order.

    Parameters
    ----------
    parts : sequence
        One at least, each with ``merged``.

    Returns
    -------
    object
        All of them merged.

    Examples
    --------
    >>> from auxtasks.scaling.frequencies import ClassCounts
    >>> import numpy as np
    >>> merge([ClassCounts(np.array([1, 0])), ClassCounts(np.array([1, 2]))]).counts
    array([2, 2])
    """
    return reduce(lambda one, other: one.merged(other), parts)


def reduce_tree(see: Callable[..., Any], arguments: Sequence[Sequence[Any]]) -> Any:
    """Lay out a tree of merges over what a function tells of each partition.

    Parameters
    ----------
    see : callable
        Returns something with ``merged``.
    arguments : sequence of sequences
        What it is called with, for each partition; delayed objects stand for their values.

    Returns
    -------
    dask.delayed.Delayed
        All of it merged. The tree depends on the number of partitions alone, so that whichever worker is done first, or
        does another's part, the result has the same bits.

    Examples
    --------
    >>> import numpy as np
    >>> from auxtasks.scaling.frequencies import ClassCounts
    >>> reduce_tree(ClassCounts, [(np.ones(2, int),)] * 20).compute().counts
    array([20, 20])
    """
    calls: list[tuple[Any, ...]] = [(see, *values) for values in arguments]
    level = range(len(calls))
    while len(level) > 1:
        start = len(calls)
        calls += [(merge, level[at : at + SPLIT_EVERY]) for at in range(0, len(level), SPLIT_EVERY)]
        level = range(start, len(calls))
    return layer(see.__name__, calls).delayed(level[0])
