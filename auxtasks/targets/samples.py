"""Checked inputs, in the layout that extractors read, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Protocol

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.documents import Documents
from auxtasks.optional import require, shown
from auxtasks.typing import Array, Floats

Rows = slice | Array


class Blocks(Protocol):
    """Samples of any kind, as extractors are run over them."""

    @property
    def n(self) -> int: ...

    @property
    def inputs(self) -> Array:
        """What a model reads of them."""

    def chunks(self) -> list[Any]:
        """Cut the rows into blocks, in whatever form `read` takes them."""

    def read(self, rows: Any) -> Any:
        """Return some rows as extractors want them."""


@dataclass(frozen=True)
class Dense:
    """Samples of one shape, held in one array."""

    inputs: Array  # as the user has it: any real dtype, with or without a channel axis
    add_channel: bool  # whether a channel axis of length 1 is added for the extractors
    compute: np.dtype[np.floating]  # what extractors compute in: float32 or float64

    @property
    def n(self) -> int:
        return len(self.inputs)

    @property
    def layout(self) -> Array:
        """The inputs with the channel axis in place."""
        plain = np.asarray(self.inputs)
        return plain[..., np.newaxis] if self.add_channel else plain

    @property
    def native_dtype(self) -> np.dtype[np.generic]:
        return self.inputs.dtype.newbyteorder("=")

    @property
    def readable_at_once(self) -> bool:
        """Whether all of it can be read without a copy."""
        return self.layout.dtype == self.compute and self.layout.flags.c_contiguous

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.layout.shape[1:]

    def chunks(self) -> list[Rows]:
        return list(row_slices(self.n, prod(self.row_shape) * self.compute.itemsize))

    def read(self, rows: Rows) -> Floats:
        """Return some rows as extractors want them: contiguous, converted, not to be written to."""
        block = np.ascontiguousarray(self.layout[rows], dtype=self.compute)
        block.flags.writeable = False
        return block

    def take(self, rows: Rows) -> Dense:
        return replace(self, inputs=self.inputs[rows])

    def changed(self, layout: Array) -> Dense:
        """Return other samples in the user's convention."""
        compute = layout.dtype if layout.dtype in (np.float32, np.float64) else self.compute
        return Dense(layout[..., 0] if self.add_channel else layout, self.add_channel, compute)


@dataclass(frozen=True)
class Ragged:
    """Series of different lengths; those of one length are read together."""

    series: tuple[Array, ...]  # one array (time_i, channels) per sample
    add_channel: bool  # whether the user's series had no channel axis
    compute: np.dtype[np.floating]  # what extractors compute in
    padding: str  # the side, "post" or "pre", on which padding stands in `inputs`
    padding_value: float
    length: int  # that series are padded to, at least that of the longest

    @property
    def n(self) -> int:
        return len(self.series)

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (self.length, self.series[0].shape[1])

    def groups(self) -> list[Array]:
        """Return the rows of each length, in the order in which the lengths first occur."""
        found: dict[int, list[int]] = {}
        for row, series in enumerate(self.series):
            found.setdefault(len(series), []).append(row)
        return [np.array(rows) for rows in found.values()]

    def chunks(self) -> list[Rows]:
        chunks: list[Rows] = []
        for group in self.groups():
            bytes_per_row = self.series[group[0]].size * self.compute.itemsize
            chunks += [group[rows] for rows in row_slices(len(group), bytes_per_row)]
        return chunks

    def read(self, rows: Rows) -> Floats:
        """Return some rows of one length, stacked."""
        block: Floats = np.stack([self.series[row] for row in self.indices(rows)]).astype(self.compute, copy=False)
        block.flags.writeable = False
        return block

    def take(self, rows: Rows) -> Ragged:
        return replace(self, series=tuple(self.series[row] for row in self.indices(rows)))

    def indices(self, rows: Rows) -> list[int]:
        return list(range(self.n)[rows]) if isinstance(rows, slice) else rows.tolist()

    def steps(self, length: int) -> slice:
        """Where the steps of a series of this length stand among the padded ones."""
        return slice(0, length) if self.padding == "post" else slice(self.length - length, self.length)

    @property
    def inputs(self) -> Floats:
        """The padded float32 array (n, length[, channels]) that a model reads."""
        padded = np.full((self.n, *self.row_shape), self.padding_value, np.float32)
        with np.errstate(over="ignore"):
            for row, series in enumerate(self.series):
                padded[row, self.steps(len(series))] = series
        if not np.isfinite(padded).all():
            row = int(np.argwhere(~np.isfinite(padded))[0, 0])
            raise InvalidInputError(
                f"`X[{row}]` holds values beyond the range of float32, in which padded series are handed to the "
                "model; rescale the series first."
            )
        return padded[..., 0] if self.add_channel else padded


Samples = Dense | Ragged


CHUNK_BYTES = 512 * 1024
"""Converted input a chunk holds: it stays in the second-level cache while every task reads it."""


def row_slices(n: int, bytes_per_row: int) -> Iterator[slice]:
    """Cut ``n`` rows into slices of at most `CHUNK_BYTES`, and of one row at least."""
    step = max(1, CHUNK_BYTES // max(1, bytes_per_row))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def for_each(function: Callable[[Any], int], chunks: Sequence[Any], *, n_jobs: int, progress: bool) -> list[int]:
    results: Any = map(function, chunks)
    if n_jobs != 1:
        joblib = require("joblib", extra="parallel")
        # Threads, not processes: NumPy releases the lock while it computes, and nothing has to be copied.
        workers = joblib.Parallel(n_jobs=n_jobs, backend="threading", return_as="generator")
        results = workers(joblib.delayed(function)(chunk) for chunk in chunks)
    return list(shown(results, len(chunks), progress, unit="chunk"))


# Consecutive blocks of samples

BLOCK_ROWS = 256
BLOCK_BYTES = 32 * 1024 * 1024


def block_rows(samples: Samples | Documents) -> int:
    """Return how many samples a teacher is asked about at once: a power of two, fewer of large ones.

    Products of matrices round otherwise where there are more or fewer rows, so that in memory and on disk these are the
    same. A power of two has small common multiples with the blocks in which targets are computed.
    """
    per_row = max(1, prod(samples.row_shape) * samples.compute.itemsize)
    most = max(1, min(BLOCK_ROWS, BLOCK_BYTES // per_row))
    return 1 << (most.bit_length() - 1)


@dataclass(frozen=True, eq=False)
class InBlocks:
    """Samples block by block, as often as they are gone through, each with the number of its first sample."""

    samples: Samples | Documents
    rows: int
    first: int = 0  # the number of the first sample

    def __iter__(self) -> Iterator[tuple[int, Samples | Documents]]:
        samples = self.samples
        for start in range(0, samples.n, self.rows):
            rows = slice(start, min(start + self.rows, samples.n))
            yield self.first + start, samples.read(rows) if isinstance(samples, Documents) else samples.take(rows)
