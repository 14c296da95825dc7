"""Many calls as one layer of a graph: Dask takes time with the square of the number of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np

from auxtasks.cluster.recognise import is_dask
from auxtasks.optional import require


@dataclass(frozen=True)
class Layer:
    """Calls that are made when their results are asked for.

    Parameters
    ----------
    name : str
        The name of the layer; the key of a call is this and its number.
    graph : dask.highlevelgraph.HighLevelGraph
        The calls, and all that they need.
    """

    name: str
    graph: Any

    def delayed(self, number: int) -> Any:
        """Return the result of one call as a delayed object."""
        return require("dask.delayed", extra="dask").Delayed((self.name, number), self.graph, layer=self.name)


def layer(name: str, calls: Sequence[tuple[Any, ...]]) -> Layer:
    """Lay out calls.

    Parameters
    ----------
    name : str
        What is done, for those who watch the cluster.
    calls : sequence of tuple
        A function and its arguments; delayed objects stand for their values, and a range for the results of the calls
        of these numbers, as a list.

    Returns
    -------
    Layer
        The calls.

    Examples
    --------
    >>> layer("add", [(len, "abc"), (len, "a"), (sum, range(2))]).delayed(2).compute()
    4
    """
    own = f"auxtasks-{name}-{uuid4().hex}"
    needed: dict[Any, Any] = {}

    def stand_in(argument: Any) -> Any:
        if isinstance(argument, range):
            return [(own, number) for number in argument]
        if not is_dask(argument):
            return argument
        needed[argument.key] = argument
        return argument.key

    tasks = {(own, at): (call[0], *map(stand_in, call[1:])) for at, call in enumerate(calls)}
    graph = require("dask.highlevelgraph", extra="dask").HighLevelGraph
    return Layer(own, graph.from_collections(own, tasks, dependencies=list(needed.values())))


def joined(
    name: str, calls: Sequence[tuple[Any, ...]], rows: Sequence[int] | None, shape: tuple[int, ...], dtype: Any
) -> Any:
    """Lay out calls that each give some rows of an array.

    Parameters
    ----------
    name, calls
        As for `layer`.
    rows : sequence of int or None
        How many rows each call gives; None if that is not known.
    shape : tuple of int
        The shape of one row.
    dtype : dtype
        The dtype.

    Returns
    -------
    dask.array.Array
        One chunk for each call.

    Examples
    --------
    >>> joined("ones", [(np.ones, 2), (np.ones, 1)], (2, 1), (), np.dtype(float)).compute()
    array([1., 1., 1.])
    """
    da = require("dask.array", extra="dask")
    graph = require("dask.highlevelgraph", extra="dask").HighLevelGraph
    parts = layer(name, calls)
    chunks = ((np.nan,) * len(calls) if rows is None else tuple(rows), *((length,) for length in shape))
    own = f"{parts.name}-array"
    # The keys of an array have a number for each of its axes.
    named = {(own, at, *(0 for _ in shape)): (parts.name, at) for at in range(len(calls))}
    return da.Array(graph.from_collections(own, named, dependencies=[parts.delayed(0)]), own, chunks, dtype=dtype)
