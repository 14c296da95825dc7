"""Files of NumPy, read without unpickling anything."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array


class Archive(Mapping[str, Array]):
    """The arrays of an .npz file by name, each read when it is asked for.

    Parameters
    ----------
    path : Path
        The file.
    without : str, optional
        The name of an array to leave out.

    Raises
    ------
    InvalidInputError
        If it is not such a file.
    """

    def __init__(self, path: Path, without: str | None = None) -> None:
        self.path = path
        with _opened(path) as file:
            self._names = tuple(name for name in file.files if name != without)

    def __getitem__(self, name: str) -> Array:
        """Read one array."""
        if name not in self._names:
            raise KeyError(name)
        try:
            with _opened(self.path) as file:
                found = file[name]
        except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
            raise _unreadable(f"the array {name!r} of {self.path}", error) from error
        if not isinstance(found, np.ndarray):
            raise InvalidInputError(f"{name!r} in {self.path} is no array; write the file with numpy.savez.")
        return found

    def __iter__(self) -> Iterator[str]:
        """Go through the names, as they are in the file."""
        return iter(self._names)

    def __len__(self) -> int:
        """Count the arrays."""
        return len(self._names)


def read_npy(path: Path) -> Array:
    """Read an .npy file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    ndarray
        What it holds.

    Raises
    ------
    InvalidInputError
        If it cannot be read, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            # Not np.load, which takes any other file for a pickle and says so.
            return np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise _unreadable(str(path), error) from error


def _opened(path: Path) -> Any:
    if not zipfile.is_zipfile(path):
        raise InvalidInputError(f"{path} is no .npz file, or was cut off; write it with numpy.savez.")
    return np.load(path, allow_pickle=False)


def _unreadable(what: str, error: Exception) -> InvalidInputError:
    if "Object arrays" in str(error):
        return InvalidInputError(
            f"{what} holds Python objects, which are not loaded because that could run code hidden in them. Save "
            "numbers, or texts as np.array(texts, dtype=str)."
        )
    return InvalidInputError(f"{what} cannot be read as a NumPy array: {error}. Write it with numpy.save or savez.")
