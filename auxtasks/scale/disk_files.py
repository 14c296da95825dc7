"""The rows of one .npy file, written and read by their numbers, without mapping the file into memory."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks.checksums import checksum, json_line, parsed_line
from auxtasks.errors import StorageError
from auxtasks.files import descriptor_of, read_regular, write_through
from auxtasks.targets.state import plain
from auxtasks.typing import Array


def digest_of(array: Array) -> str:
    return checksum(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


@dataclass(frozen=True)
class RowLayout:
    """Where the rows of an array are in a .npy file."""

    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @cached_property
    def offset(self) -> int:
        return len(self.header(0))

    def size_of(self, n: int) -> int:
        return self.offset + n * prod(self.row_shape) * self.dtype.itemsize

    def header(self, n: int) -> bytes:
        """Return the start of the file; NumPy pads it to one length for every n."""
        described = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (n, *self.row_shape),
        }
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, described)
        return header.getvalue()


class RowFile:
    """An array on disk that is being written; `np.load` reads it once it is finished.

    Read by slices of rows, it looks like an array to whatever goes through one block by block. Mapped pages would count
    as memory of the process for as long as it has the file, so that files are read and written piece by piece instead.
    A file that is there is left as it is.
    """

    def __init__(self, path: Path, layout: RowLayout) -> None:
        self.path = path
        self.layout = layout
        self.dtype = layout.dtype
        self.n = 0
        self.new = not path.exists()
        self._file = io.FileIO(descriptor_of(path, os.O_RDWR | os.O_CREAT), "r+")

    def __enter__(self) -> RowFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self.n

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.n, *self.layout.row_shape)

    def __getitem__(self, rows: slice) -> Array:
        start, stop, _ = rows.indices(self.n)
        return self.read(start, stop)

    def reserve(self, n: int) -> None:
        """Take the disk space of n rows now, where the system can, rather than find it full at the end."""
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(self._file.fileno(), 0, self.layout.size_of(n))
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise

    def write(self, start: int, values: Array) -> None:
        left = np.ascontiguousarray(values, self.dtype).reshape(-1).view(np.uint8).data
        self._file.seek(self.layout.size_of(start))
        while left:
            left = left[self._file.write(left) :]
        self.n = max(self.n, start + len(values))

    def read(self, start: int, stop: int) -> Array:
        values = np.empty((stop - start, *self.layout.row_shape), self.dtype)
        left = values.reshape(-1).view(np.uint8).data
        self._file.seek(self.layout.size_of(start))
        while left:
            count = self._file.readinto(left)
            if not count:
                raise StorageError(f"{self.path} ends before row {stop}.")
            left = left[count:]
        return values

    def holds(self, start: int, stop: int, digest: str) -> bool:
        """Tell whether rows are there with the checksum that they were written with."""
        if os.fstat(self._file.fileno()).st_size < self.layout.size_of(stop):
            return False
        self.n = max(self.n, stop)
        return digest_of(self.read(start, stop)) == digest

    def sync(self) -> None:
        os.fsync(self._file.fileno())

    def finish(self, n: int) -> None:
        """Cut the file off after n rows, and let it say that it has so many."""
        self._file.truncate(self.layout.size_of(n))
        self._file.seek(0)
        self._file.write(self.layout.header(n))
        self.sync()


INPUT = "X"


class Journal:
    """What a run has finished.

    Each line is JSON behind its own checksum. A line that was not written to its end, as when the process was killed,
    is cut off with all that follows it: what it told of is then done again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._blocks: dict[str, dict[int, tuple[int, str]]] = {}
        self.header: dict[str, Any] = {}
        self.fitted: dict[str, Any] = {}
        self.n = 0
        self._whole = 0
        if path.exists():
            for line in read_regular(path).splitlines(keepends=True):
                fields = parsed_line(line)
                if fields is None:
                    break
                self._whole += len(line)
                self._take(fields)

    def repair(self) -> None:
        """Cut off what was not written to its end, so that lines can be added."""
        if self.path.exists() and self.path.stat().st_size > self._whole:
            os.truncate(self.path, self._whole)

    def begin(self, header: Mapping[str, Any]) -> None:
        self._add({"header": dict(header)})

    def wrote(self, start: int, stop: int, digests: Mapping[str, str]) -> None:
        """Write down that rows are on the disk, with the checksum of each file's block of them."""
        self._add({"rows": [start, stop], "of": dict(digests)})

    def fit(self, state: Mapping[str, Any], n: int) -> None:
        self._add({"fitted": dict(state), "n": n})

    def known(self, name: str, start: int) -> tuple[int, str] | None:
        """Return where the block of a file that starts at a row ends, and its checksum; None if it is not there."""
        return self._blocks.get(name, {}).get(start)

    def rows_of(self, name: str) -> int:
        return max((stop for stop, _ in self._blocks.get(name, {}).values()), default=0)

    def blocks(self, name: str) -> list[tuple[int, str]]:
        """Return where each block of a file ends, in their order, and its checksum."""
        found = self._blocks.get(name, {})
        return [found[start] for start in sorted(found)]

    def _add(self, fields: dict[str, Any]) -> None:
        line = json_line(fields, plain)
        write_through(self.path, line, append=True)
        self._take(parsed_line(line) or {})

    def _take(self, fields: dict[str, Any]) -> None:
        if "header" in fields:
            self.header = fields["header"]
        elif "fitted" in fields:
            self.fitted, self.n = fields["fitted"], fields["n"]
        else:
            start, stop = fields["rows"]
            for name, digest in fields["of"].items():
                self._blocks.setdefault(name, {})[start] = (stop, digest)


def check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"`save_to`: {needed:,} more bytes are needed in {folder}, but {free:,} are free on its disk. Free some "
            "space, choose another disk, or compute fewer targets."
        )


_NEXT = (
    "Pass the arguments of the first call, pass overwrite=True to start over, or choose another path; batches must "
    "come in the same order each time, not shuffled."
)


class InputsChangedError(StorageError):
    """The inputs are not those that finished chunks were computed from."""

    def __init__(self, what: str) -> None:
        super().__init__(f"`save_to`: {what} differs from the data that the targets there were made of. {_NEXT}")


def check_made_of(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse other options, or inputs of another shape, than a run was begun with."""
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if changed:
        said = "; ".join(f"{name} was {_short(before.get(name))} and is {_short(now.get(name))}" for name in changed)
        raise StorageError(f"`save_to`: the targets there were made with other settings: {said}. {_NEXT}")


def check_same_values(values: Mapping[str, Array], journal: Journal, start: int) -> None:
    """Refuse to go on where the same inputs do not give the same values any more."""
    for name, array in values.items():
        before = journal.known(name, start)
        if before is not None and before[1] != digest_of(array):
            raise StorageError(
                "`save_to`: the same inputs now give other values than at the start of the run; a custom task, a "
                f"library or the machine may have changed. {_NEXT}"
            )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:197] + "..."
