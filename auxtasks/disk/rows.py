"""The rows of one .npy file, written and read by their numbers, without mapping the file into memory."""

from __future__ import annotations

import errno
import io
import os
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks.errors import StorageError
from auxtasks.typing import Array


def digest_of(array: Array) -> str:
    """Return a checksum of the bytes of an array.

    Parameters
    ----------
    array : ndarray
        Of numbers.

    Returns
    -------
    str
        CRC-32, 8 hexadecimal digits: at 2 GB a second it costs little beside reading and writing.

    Examples
    --------
    >>> digest_of(np.zeros(2)) == digest_of(np.zeros(2)), digest_of(np.zeros(2)) == digest_of(np.ones(2))
    (True, False)
    """
    return f"{zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data):08x}"


class RowFile:
    """An array on disk that is being written; `np.load` reads it once it is finished.

    Read by slices of rows, it looks like an array to whatever goes through one block by block. Mapped pages would count
    as memory of the process for as long as it has the file, so that files are read and written piece by piece instead.

    Parameters
    ----------
    path : Path
        The file; made if need be, and left as it is otherwise.
    row_shape : tuple of int
        The shape of one row.
    dtype : dtype
        Of the values.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with RowFile(Path(folder, "a.npy"), (2,), np.dtype("float32")) as rows:
    ...         rows.write(1, np.ones((2, 2), np.float32))
    ...         rows.write(0, np.zeros((1, 2), np.float32))
    ...         rows.finish(3)
    ...     np.load(f"{folder}/a.npy")[:, 0]
    array([0., 1., 1.], dtype=float32)
    """

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path = path
        self.dtype = dtype
        self.n = 0
        self._row_shape = row_shape
        self._row_bytes = prod(row_shape) * dtype.itemsize
        self._offset = len(self._header(0))
        self.new = not path.exists()
        self._file = io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+")

    def __enter__(self) -> RowFile:
        """Return the file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def __len__(self) -> int:
        """Return the number of rows written."""
        return self.n

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the rows written."""
        return (self.n, *self._row_shape)

    def __getitem__(self, rows: slice) -> Array:
        """Read some rows."""
        start, stop, _ = rows.indices(self.n)
        return self.read(start, stop)

    def size_of(self, n: int) -> int:
        """Return how many bytes a file of n rows takes."""
        return self._offset + n * self._row_bytes

    def reserve(self, n: int) -> None:
        """Take the disk space of n rows now, where the system can, rather than find it full at the end."""
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(self._file.fileno(), 0, self.size_of(n))
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise

    def write(self, start: int, values: Array) -> None:
        """Write rows from a row on."""
        left = np.ascontiguousarray(values, self.dtype).reshape(-1).view(np.uint8).data
        self._file.seek(self.size_of(start))
        while left:
            left = left[self._file.write(left) :]
        self.n = max(self.n, start + len(values))

    def read(self, start: int, stop: int) -> Array:
        """Read the rows from one to before another."""
        values = np.empty((stop - start, *self._row_shape), self.dtype)
        left = values.reshape(-1).view(np.uint8).data
        self._file.seek(self.size_of(start))
        while left:
            count = self._file.readinto(left)
            if not count:
                raise StorageError(f"{self.path} ends before row {stop}.")
            left = left[count:]
        return values

    def holds(self, start: int, stop: int, digest: str) -> bool:
        """Tell whether rows are there with the checksum that they were written with."""
        if os.fstat(self._file.fileno()).st_size < self.size_of(stop):
            return False
        self.n = max(self.n, stop)
        return digest_of(self.read(start, stop)) == digest

    def sync(self) -> None:
        """Return when all that was written is on the disk."""
        os.fsync(self._file.fileno())

    def finish(self, n: int) -> None:
        """Cut the file off after n rows, and let it say that it has so many."""
        self._file.truncate(self.size_of(n))
        self._file.seek(0)
        self._file.write(self._header(n))
        self.sync()

    def _header(self, n: int) -> bytes:
        """Return the start of the file; NumPy pads it to one length for every n."""
        described = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (n, *self._row_shape),
        }
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, described)
        return header.getvalue()
