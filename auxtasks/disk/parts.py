"""The files that chunks are written to."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks.compute.pipeline import Computed
from auxtasks.compute.raw import RawTarget
from auxtasks.disk.rows import RowFile
from auxtasks.errors import InvalidInputError
from auxtasks.specs import NUMERIC_KINDS, Kind
from auxtasks.typing import Array

INPUTS = "inputs.npy"


@dataclass(frozen=True)
class Part:
    """What is written of a chunk to one file: a target as it is computed, or the inputs.

    Parameters
    ----------
    target : str or None
        The name of the target; None for the inputs.
    kind : str
        Its kind.
    natural : tuple of int
        The shape of one sample's values as the task gives them.
    file : str
        Where it is written.
    final : str
        Where it will be found: another file, if it is to be scaled.
    row_shape : tuple of int
        The shape of one row.
    dtype : dtype
        Of the values.
    """

    target: str | None
    kind: Kind
    natural: tuple[int, ...]
    file: str
    final: str
    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def row_bytes(self) -> int:
        """The bytes of one row."""
        return prod(self.row_shape) * self.dtype.itemsize

    def values(self, computed: Computed) -> Array:
        """Return what is to be written of a chunk; rows of another shape would shift all that come after them."""
        array = computed.inputs if self.target is None else computed.targets[self.target].array
        if array.shape[1:] != self.row_shape:
            raise InvalidInputError(
                f"task {self.target!r} gives shape {array.shape[1:]} for some samples and {self.row_shape} for the "
                "first; with `out` its shape must not depend on how many samples it is given, or which."
            )
        return array

    def open(self, folder: Path) -> RowFile:
        """Open its file."""
        return RowFile(folder / self.file, self.row_shape, self.dtype)

    def raw(self, array: Array) -> RawTarget:
        """Return some rows as a target."""
        return RawTarget(self.target or "", self.kind, self.natural, array)


def parts_of(first: Computed, *, scale: bool, with_inputs: bool) -> tuple[Part, ...]:
    """Tell which files there will be.

    Parameters
    ----------
    first : Computed
        The targets of the first sample.
    scale : bool
        Whether numbers will be scaled.
    with_inputs : bool
        Whether the inputs are written too.

    Returns
    -------
    tuple of Part
        In the order of the targets, the inputs last.

    Examples
    --------
    >>> raw = RawTarget("a", "class", (), np.zeros(1, np.int32))
    >>> [part.final for part in parts_of(Computed({"a": raw}, np.zeros((1, 2)), 1), scale=True, with_inputs=True)]
    ['target_000.npy', 'inputs.npy']
    """
    parts = []
    for i, (name, target) in enumerate(first.targets.items()):
        final = f"target_{i:03d}.npy"
        file = f"raw_{i:03d}.npy" if scale and target.kind in NUMERIC_KINDS else final
        row_shape, dtype = target.array.shape[1:], target.array.dtype
        parts.append(Part(name, target.kind, target.natural, file, final, row_shape, dtype))
    if with_inputs:
        parts.append(Part(None, "vector", (), INPUTS, INPUTS, first.inputs.shape[1:], first.inputs.dtype))
    return tuple(parts)
