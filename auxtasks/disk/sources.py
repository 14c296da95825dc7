"""Inputs larger than memory, read in blocks of rows: by slicing, or from batches in their order."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from auxtasks.disk.batches import Batches, Block
from auxtasks.errors import InvalidInputError
from auxtasks.inputs.arrays import to_array
from auxtasks.inputs.read import read_inputs
from auxtasks.inputs.samples import Ragged
from auxtasks.typing import Array


class Sliced:
    """Anything with a shape that is read by slices: arrays, memory maps, data sets of HDF5, arrays of Zarr.

    Parameters
    ----------
    X : array-like with ``shape`` and slicing
        The inputs.

    Examples
    --------
    >>> [(start, len(block)) for start, block in Sliced(np.ones((5, 2))).blocks(2)]
    [(0, 2), (2, 2), (4, 1)]
    """

    once = False

    def __init__(self, X: Any) -> None:
        n = X.shape[0]
        if isinstance(n, float) and math.isnan(n):
            raise InvalidInputError("`X` does not know its length; compute the sizes of its chunks first.")
        self.inputs = X
        self.n: int | None = int(n)
        self.first = to_array(X[:1], "X")

    def blocks(self, rows: int) -> Iterator[Block]:
        """Go through the inputs, with the number of the first row of each block."""
        for start in range(0, len(self), rows):
            # A contiguous copy or view; checked later, by the same door as inputs in memory.
            yield start, np.ascontiguousarray(to_array(self.inputs[start : min(start + rows, len(self))], "X"))
            _release(self.inputs)

    def __len__(self) -> int:
        """Return the number of samples."""
        return self.n or 0


Source = Sliced | Batches


def source_of(X: object, domain: str) -> Source:
    """Decide how inputs are read.

    Parameters
    ----------
    X : array-like or iterable of batches
        What the user gave.
    domain : str
        What the inputs are.

    Returns
    -------
    Sliced or Batches
        The inputs, of which nothing but the first row or batch was read.

    Raises
    ------
    AuxTasksError
        If they cannot be read in blocks.

    Examples
    --------
    >>> source_of([[1.0, 2.0]], "signal").inputs
    array([[1., 2.]])
    """
    in_memory = hasattr(X, "to_numpy") or isinstance(X, (list, tuple, str, bytes, Mapping))
    plain = not in_memory and str(getattr(X, "dtype", "object")) != "object"
    if plain and hasattr(X, "__getitem__") and len(getattr(X, "shape", None) or ()):
        return Sliced(X)
    if plain or in_memory or isinstance(X, np.ndarray) or not (hasattr(X, "__iter__") or hasattr(X, "num_batches")):
        return Sliced(dense(X, domain))
    return Batches(X)  # type: ignore[arg-type] # goes through it, or by its number of batches


def dense(X: object, domain: str) -> Array:
    """Read inputs that are in memory, all of one shape.

    Parameters
    ----------
    X : array-like
        The inputs, or a block of them.
    domain : str
        What the inputs are.

    Returns
    -------
    ndarray
        As the user has them.

    Raises
    ------
    AuxTasksError
        If they cannot be used, or are series of different lengths.

    Examples
    --------
    >>> dense([[1.0], [2.0]], "signal").shape
    (2, 1)
    """
    samples = read_inputs(X, domain)
    if isinstance(samples, Ragged):
        raise InvalidInputError(
            "`X` holds series of different lengths, which cannot be written by `out`; pad or cut them to one length, "
            "or make the targets in memory and save them with `AuxTargets.save`."
        )
    return samples.inputs


def _release(X: object) -> None:
    """Give pages of a memory map back that were read: they count as memory of the process until it does."""
    while isinstance(X, np.ndarray):
        # A copy-on-write map may hold changes that are nowhere else.
        if getattr(X, "mode", "r") == "c":
            return
        X = X.base
    if isinstance(X, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        X.madvise(mmap.MADV_DONTNEED)
