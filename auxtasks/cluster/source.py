"""Samples in partitions along their first axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

from auxtasks.optional import require


@dataclass(frozen=True)
class Source:
    """Samples in partitions, each of which is computed, read and forgotten by itself.

    Parameters
    ----------
    blocks : tuple of dask.delayed.Delayed
        The partitions: arrays, lists of samples or columns of texts.
    rows : tuple of int or None
        How many samples each holds; None where only computing them would tell.
    array : dask.array.Array or None
        The samples as an array with one chunk for each partition, where they are one.
    row_shape : tuple of int or None
        The shape of one sample of an array, channel axis included.
    """

    blocks: tuple[Any, ...]
    rows: tuple[int, ...] | None = None
    array: Any = None
    row_shape: tuple[int, ...] | None = None

    def slices(self) -> list[slice]:
        """Where the samples of each partition stand among all of them; their numbers must be known."""
        return [slice(*ends) for ends in pairwise(accumulate(self.rows or (), initial=0))]

    def places(self) -> list[str]:
        """How errors call each partition."""
        names = [f"partition {number} of `X`" for number in range(len(self.blocks))]
        if self.rows is None:
            return names
        spans = [f", samples {at.start} to {at.stop - 1}" if at.stop > at.start else "" for at in self.slices()]
        return [name + span for name, span in zip(names, spans, strict=True)]

    def counted(self) -> Source:
        """Return the same with known numbers of samples, for which partitions may have to be computed."""
        if self.rows is not None:
            return self
        dask = require("dask", extra="dask")
        return self.with_rows(dask.compute(*(dask.delayed(len)(block) for block in self.blocks)))

    def with_rows(self, rows: Sequence[int]) -> Source:
        """Return the same with these numbers of samples."""
        return replace(
            self, rows=tuple(rows), array=None if self.array is None else with_known_rows(self.array, tuple(rows))
        )


def with_known_rows(array: Any, rows: tuple[int, ...]) -> Any:
    """Return a dask array whose chunks along the samples have these lengths, which were unknown.

    Parameters
    ----------
    array : dask.array.Array
        The array.
    rows : tuple of int
        The lengths of its chunks.

    Returns
    -------
    dask.array.Array
        The same values.

    Examples
    --------
    >>> import dask.array as da
    >>> with_known_rows(da.ones((4, 2), chunks=2), (2, 2)).chunks
    ((2, 2), (2,))
    """
    da = require("dask.array", extra="dask")
    return da.Array(array.dask, array.name, (rows, *array.chunks[1:]), meta=array._meta)
