"""Memory maps told by the names of their files, for processes that can open these themselves."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from auxtasks.typing import Array


@dataclass(frozen=True)
class MappedFile:
    """Where a memory map is on disk.

    Parameters
    ----------
    path : str
        The file.
    dtype : dtype
        Of the array.
    shape : tuple of int
        Of the array.
    offset : int
        Where in the file it begins.
    order : {"C", "F"}
        How it is laid out.
    """

    path: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int
    order: Literal["C", "F"]

    @classmethod
    def of(cls, array: Any) -> Any:
        """Return where an array is on disk, or the array itself where it is none that a file holds as a whole."""
        # A part of a map says nothing of its own place in the file.
        if not isinstance(array, np.memmap) or not isinstance(array.base, mmap.mmap) or array.filename is None:
            return array
        return cls(
            str(array.filename), array.dtype, array.shape, array.offset, "C" if array.flags.c_contiguous else "F"
        )

    def open(self) -> Array:
        """Map the file again, to be read."""
        array: Array = np.memmap(self.path, self.dtype, "r", self.offset, self.shape, self.order)
        return array
