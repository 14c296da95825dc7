"""The door for collections of Dask: what type and shape tell is checked, and nothing is computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import isnan
from typing import Any
from uuid import uuid4

import numpy as np

from auxtasks.errors import AuxTasksError, InvalidInputError, InvalidTypeError
from auxtasks.extractors.text.reading import checked_text_settings
from auxtasks.optional import is_dask, require
from auxtasks.targets.fitted import Fitted
from auxtasks.targets.samples import to_array
from auxtasks.typing import Array

_EXPECTED = "a dask array, a dask bag of samples, or a dask data frame or column"


def read_source(X: Any, fitted: Fitted) -> Source:
    """Check a collection of Dask, and cut it into partitions along the samples."""
    kind = _kind(X)
    if kind == "frame":
        X, kind = _from_frame(X, fitted.domain)
    if kind == "array" and not (fitted.domain == "text" and X.ndim == 1):
        return _from_array(X, fitted)
    if fitted.domain == "text":
        checked_text_settings(fitted.params)
    if kind == "bag":
        # Partitions of a bag may be iterators, which can be read only once.
        X = X.map_partitions(list)
        if not X.npartitions:
            raise InvalidInputError("`X` holds no samples: it is a bag without partitions.")
    rows = _known(X.chunks[0]) if kind == "array" else None
    return Source(tuple(np.ravel(np.array(X.to_delayed(), object)).tolist()), rows)


def _kind(X: Any) -> str:
    module, name = type(X).__module__, type(X).__name__
    if module.startswith("dask.array") and name == "Array":
        return "array"
    if module.startswith("dask.bag") and name == "Bag":
        return "bag"
    if module.startswith("dask.") and name in ("DataFrame", "Series"):
        return "frame"
    # Delayed objects tell neither what they hold nor how much; an xarray.DataArray has the dask array as its data.
    raise InvalidTypeError(
        f"`X` must be {_EXPECTED}; got {module}.{name}. Make one by dask.array.from_delayed or dask.bag.from_delayed, "
        "or pass the `.data` of an xarray.DataArray."
    )


def _from_frame(X: Any, domain: str) -> tuple[Any, str]:
    if domain == "text" and X.ndim == 2:
        raise InvalidTypeError(
            f"`X` must be one column for domain 'text'; got a data frame with the columns {list(X.columns)!r:.100}. "
            "Pass one of them, such as X['text']."
        )
    if domain == "text" or (X.ndim == 1 and X.dtype == object):
        return X, "column"
    if X.ndim == 2 and all(getattr(dtype, "kind", "O") in "biuf" for dtype in X.dtypes):
        X = X.astype(np.float64) if any(not isinstance(dtype, np.dtype) for dtype in X.dtypes) else X
    return X.to_dask_array(), "array"


def _from_array(X: Any, fitted: Fitted) -> Source:
    if any(isnan(length) for length in X.shape[1:]):
        raise InvalidInputError(
            f"`X` must have known lengths along all axes but the first; got shape {X.shape}. Call "
            "X.compute_chunk_sizes() first."
        )
    shape = tuple(1 if isnan(length) else length for length in X.shape)
    if X.dtype == object:
        raise InvalidTypeError(f"`X` must hold real numbers; got dtype object, shape {X.shape}. Convert it first.")
    # Arrays of the same dtype and shape that take no memory; bytes, because floats would be searched for NaN.
    to_array(np.broadcast_to(np.zeros((), X.dtype), shape), "X")
    like = replace(fitted, length=None).read(np.broadcast_to(np.zeros((), np.int8), shape))
    whole = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    return Source(tuple(whole.to_delayed().ravel().tolist()), _known(whole.chunks[0]), whole, like.row_shape)


def _known(rows: Sequence[float]) -> tuple[int, ...] | None:
    return None if any(map(isnan, rows)) else tuple(map(int, rows))


@dataclass(frozen=True)
class Source:
    """Samples in partitions, each of which is computed, read and forgotten by itself."""

    blocks: tuple[Any, ...]  # delayed: arrays, lists of samples or columns of texts
    rows: tuple[int, ...] | None = None  # how many samples each holds; None where only computing them would tell
    array: Any = None  # where they are one: a dask array with one chunk for each partition
    row_shape: tuple[int, ...] | None = None  # of one sample of an array, channel axis included

    def slices(self) -> list[slice]:
        """Where the samples of each partition stand among all of them; their numbers must be known."""
        return [slice(*ends) for ends in pairwise(accumulate(self.rows or (), initial=0))]

    def counted(self) -> Source:
        if self.rows is not None:
            return self
        dask = require("dask", extra="dask")
        return self.with_rows(dask.compute(*map(dask.delayed(len), self.blocks)))

    def some(self, numbers: Array) -> Any:
        """Compute the samples of some numbers, sorted, and no others; numbers of samples must be known."""
        dask = require("dask", extra="dask")
        parts = []
        for at, block in zip(self.slices(), self.blocks, strict=True):
            first, last = np.searchsorted(numbers, [at.start, at.stop])
            if last > first:
                parts.append(dask.delayed(_some)(block, numbers[first:last] - at.start))
        found = dask.compute(*parts)
        return np.concatenate(found) if self.array is not None else [sample for part in found for sample in part]

    def with_rows(self, rows: Sequence[int]) -> Source:
        return replace(
            self, rows=tuple(rows), array=None if self.array is None else with_known_rows(self.array, tuple(rows))
        )


def _some(block: Any, rows: Array) -> Any:
    if hasattr(block, "iloc"):
        return list(block.iloc[rows])
    return [block[row] for row in rows] if isinstance(block, (list, tuple)) else block[rows]


def with_known_rows(array: Any, rows: tuple[int, ...]) -> Any:
    """Return a dask array whose chunks along the samples have these lengths, which were unknown."""
    da = require("dask.array", extra="dask")
    return da.Array(array.dask, array.name, (rows, *array.chunks[1:]), meta=array._meta)


class Partition:
    """Where a partition stands, and the given labels of its samples.

    No dataclass, because Dask would look through one for collections, label by label.
    """

    def __init__(self, number: int, place: str, start: int | None, label_columns: Mapping[str, object]) -> None:
        self.number = number
        self.place = place  # how errors call it
        self.start = start  # the number of its first sample, if known
        self.label_columns = label_columns  # columns, for the samples of this partition alone

    @contextmanager
    def named(self) -> Iterator[None]:
        """Name the partition in errors, which count the samples from its first one."""
        try:
            yield
        except AuxTasksError as error:
            raise type(error)(f"{self.place} (counted from its first sample): {error}") from error

    def own(self, fitted: Fitted) -> Fitted:
        """Return the same with draws of this partition's own, and without a progress bar.

        The first partition draws as all samples do in memory; others from seeds that follow from their number, so that
        whoever computes a partition, and how often, makes the same copies.
        """
        params = {**fitted.params, "progress": False}
        if self.number:
            state = np.random.SeedSequence([params["seed"], self.number]).generate_state(1, np.uint64)
            params["seed"] = int(state[0])
        return replace(fitted, params=params)


def bring(label_columns: Mapping[str, object] | None, domain: str) -> dict[str, Any]:
    lazy = {name: values for name, values in (label_columns or {}).items() if is_dask(values)}
    (computed,) = require("dask", extra="dask").compute(lazy)
    columns = {name: computed.get(name, values) for name, values in (label_columns or {}).items()}
    for name, values in columns.items():
        first = next((labels for labels in values if labels is not None), None) if _is_listed(values) else None
        if domain == "text" and isinstance(first, (list, tuple)):
            raise InvalidInputError(
                f"`label_columns`: {name!r} has a list of labels for each text, but labels for each token cannot be "
                "split into partitions; compute the targets of a part of the texts that fits in memory."
            )
    return columns


def bring_labels(y: object) -> object:
    """Compute main labels that are collections of Dask, which are small beside the samples."""
    lazy = y.values() if isinstance(y, Mapping) else [y]
    return require("dask", extra="dask").compute(y)[0] if any(map(is_dask, lazy)) else y


def pieces(source: Source, columns: Mapping[str, Any]) -> list[Partition]:
    rows = [slice(None)] * len(source.blocks) if source.rows is None else source.slices()
    found = []
    for number, at in enumerate(rows):
        span = f", samples {at.start} to {at.stop - 1}" if source.rows is not None and at.stop > at.start else ""
        own = {name: values.iloc[at] if hasattr(values, "iloc") else values[at] for name, values in columns.items()}
        found.append(Partition(number, f"partition {number} of `X`{span}", at.start, own))
    return found


def _is_listed(values: Any) -> bool:
    return isinstance(values, (list, tuple)) or str(getattr(values, "dtype", "")) == "object"


def calls_on(function: Any, blocks: Iterable[Any], told_of: Iterable[Partition], *shared: Any) -> list[tuple[Any, ...]]:
    """Return a call for each partition; what they share is one node each, and not sent along with every call."""
    delayed = require("dask", extra="dask").delayed
    nodes = [delayed(each, traverse=False) for each in shared]
    return [(function, block, piece, *nodes) for block, piece in zip(blocks, told_of, strict=True)]


def layer(name: str, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Lay out calls in one layer of a graph, and return their results as delayed objects.

    A range among the arguments stands for the results of the calls of these numbers.
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
    layers = require("dask.highlevelgraph", extra="dask").HighLevelGraph
    graph = layers.from_collections(own, tasks, dependencies=list(needed.values()))
    delayed = require("dask.delayed", extra="dask").Delayed
    return [delayed(key, graph, layer=own) for key in tasks]


def joined(
    name: str, calls: Sequence[tuple[Any, ...]], rows: Sequence[int] | None, shape: tuple[int, ...], dtype: Any
) -> Any:
    """Lay out calls that each give some rows of an array."""
    da = require("dask.array", extra="dask")
    graph = require("dask.highlevelgraph", extra="dask").HighLevelGraph
    parts = layer(name, calls)
    chunks = ((np.nan,) * len(calls) if rows is None else tuple(rows), *((length,) for length in shape))
    own = f"{parts[0].key[0]}-array"
    # The keys of an array have a number for each of its axes.
    named = {(own, at, *(0 for _ in shape)): part.key for at, part in enumerate(parts)}
    return da.Array(graph.from_collections(own, named, dependencies=parts[:1]), own, chunks, dtype=dtype)
