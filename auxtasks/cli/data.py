"""What a user gives as INPUT, for all commands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import not_
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from auxtasks.errors import InvalidInputError, StorageError
from auxtasks.files import UNREADABLE, open_regular, stage_of, told_as_storage_error
from auxtasks.image_files import images_in_folder
from auxtasks.teacher.labels import numbered as numbered_by_name
from auxtasks.typing import Array

CLASS = "class"
"""How options call the classes that folders of images are named by."""


@dataclass(frozen=True)
class Data:
    """Inputs, and the names of the arrays beside them: of an .npz file, read when asked for, or the folders' names."""

    path: Path
    X: Any
    others: tuple[str, ...] = ()
    classes: Array | None = None  # the names of the folders that images lie in

    def read(self, name: str) -> Array:
        return _read_member(self.path, name) if self.classes is None else self.classes

    @property
    def groups(self) -> Array | None:
        """What splits must not divide, such as the persons that samples are of; None where the file says nothing."""
        return self.read("groups") if "groups" in self.others else None

    def columns(self, keys: Sequence[str]) -> dict[str, Array] | None:
        """Return label columns by the names of their arrays, None without any; empty texts are missing."""
        for key in keys:
            if key not in self.others:
                holds = f"{listed(self.others)} besides its inputs" if self.others else "only its inputs"
                raise InvalidInputError(f"`--label-column`: there is no array {key!r}; {self.path} holds {holds}.")
        return {key: with_gaps(self.read(key), not_) for key in keys} or None


def read_data(path: Path, domain: str, image_size: tuple[int, int] | None = None) -> Data:
    if path.is_dir():
        if domain not in ("image", "any"):
            raise InvalidInputError(
                f"`INPUT`: {path} is a folder. Folders are read as images, but the domain is {domain!r}."
            )
        files = images_in_folder(path)
        classes = np.array([name or "" for name in files.classes]) if any(files.classes) else None
        return Data(path, files.read(image_size), () if classes is None else (CLASS,), classes)
    if not path.exists():
        raise InvalidInputError(f"`INPUT`: there is no {path}.")
    if path.suffix.lower() == ".npy":
        return Data(path, read_npy(path))
    if path.suffix.lower() == ".npz":
        return _from_archive(path)
    if domain == "text":
        return Data(path, read_text_lines(path))
    raise InvalidInputError(
        f"`INPUT` must be .npy, .npz or a folder of images for domain {domain!r}; got {path.name!r}. Text files are "
        "for domain 'text'."
    )


def _from_archive(path: Path) -> Data:
    try:
        with opened(path) as file, np.load(file, allow_pickle=False) as arrays:
            names = tuple(arrays.files)
    except UNREADABLE as error:
        raise InvalidInputError(f"{path} is not an .npz file, or is truncated; write it with numpy.savez.") from error
    if "X" not in names and len(names) != 1:
        raise InvalidInputError(
            f"`INPUT`: {path} must hold an array 'X', or a single one; it holds {listed(names) or 'none'}."
        )
    key = "X" if "X" in names else names[0]
    return Data(path, _read_member(path, key), tuple(name for name in names if name != key))


def _read_member(path: Path, name: str) -> Array:
    try:
        with opened(path) as file, np.load(file, allow_pickle=False) as arrays:
            found = arrays[name]
    except UNREADABLE as error:
        raise _unreadable(f"the array {name!r} of {path}", error) from error
    if not isinstance(found, np.ndarray):
        raise InvalidInputError(f"{name!r} in {path} is not an array; write the file with numpy.savez.")
    return found


def listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def read_npy(path: Path) -> Array:
    try:
        with opened(path) as file:
            # Not np.load, which takes any other file for a pickle and says so.
            return np.lib.format.read_array(file, allow_pickle=False)
    except UNREADABLE as error:
        raise _unreadable(str(path), error) from error


def opened(path: Path) -> BinaryIO:
    """Open what a user names: a link is followed, and a pipe is refused rather than waited for."""
    return open_regular(Path(os.path.realpath(path)))


def _unreadable(what: str, error: Exception) -> InvalidInputError:
    if "Object arrays" in str(error):
        return InvalidInputError(
            f"{what} holds Python objects, which are not loaded because that could run code hidden in them. Save "
            "numbers, or texts as np.array(texts, dtype=str)."
        )
    why = str(error).rstrip(".") or type(error).__name__
    return InvalidInputError(f"{what} cannot be read as a NumPy array: {why}. Write it with numpy.save or savez.")


_SHOWN = 5


def read_lines(path: Path) -> list[str]:
    try:
        with opened(path) as file:
            content = file.read()
        # Excel and others begin files with a byte order mark, which is not part of the first text.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise InvalidInputError(f"{path} is not UTF-8: see line {number}. Save it as UTF-8 text.") from error
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read ({error.strerror or error}).") from error
    # Not splitlines, which also cuts at characters that occur within texts, such as U+2028.
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if not lines[-1] else lines


def read_text_lines(path: Path) -> list[str]:
    lines = read_lines(path)
    empty = [str(number) for number, line in enumerate(lines, 1) if not line.strip()]
    if empty:
        shown = ", ".join(empty[:_SHOWN]) + (f", … ({len(empty)} in all)" if len(empty) > _SHOWN else "")
        raise InvalidInputError(
            f"{path} must hold one text per line; empty lines: {shown}. Remove such lines, and their labels too."
        )
    if not lines:
        raise InvalidInputError(f"{path} is empty; it must hold one text per line.")
    return lines


def read_labels(source: str, data: Data | None) -> Array:
    if data is not None and source in data.others:
        return data.read(source)
    path = Path(source)
    if path.is_file() and path.suffix.lower() == ".npy":
        return read_npy(path)
    if path.is_file() and path.suffix.lower() != ".npz":
        return labels_of(read_lines(path))
    holds = f"; {data.path} holds {listed(data.others)} besides its inputs" if data and data.others else ""
    raise InvalidInputError(
        f"`--labels`: {source!r} is neither an array beside the inputs nor an .npy or text file{holds}."
    )


def labels_of(lines: Sequence[str]) -> Array:
    """Turn lines into labels: integers if all are, else numbers if all are, else names of classes."""
    values = ["" if _is_missing(line) else line.strip() for line in lines]
    try:
        return np.array([int(value) if value else -1 for value in values], np.int64)
    except ValueError:
        pass
    try:
        return np.array([float(value) if value else np.nan for value in values], np.float64)
    except ValueError:
        return np.array(values, str)


def _is_missing(text: str) -> bool:
    return text.strip().lower() in ("", "nan")


def with_gaps(labels: Array, is_missing: Callable[[str], bool] = _is_missing) -> Array:
    """Put None, which is missing, in the place of texts that say so, and would be names of a class."""
    if labels.dtype.kind != "U":
        return labels
    found = labels.astype(object)
    found[np.array([is_missing(text) for text in labels.ravel()], bool).reshape(labels.shape)] = None
    return found


def numbered(labels: Array, *tested: Array) -> tuple[list[Any], tuple[str, ...]]:
    """Give numbers to classes that are given by name, by the order of their names; others stay as they are."""
    y, classes = numbered_by_name("y", with_gaps(labels))
    return [y, *(numbered_by_name("y_test", with_gaps(part), classes)[0] for part in tested)], classes


def check_new(path: Path, *, overwrite: bool, marker: str | None = None) -> None:
    if os.path.lexists(path):
        if not overwrite:
            raise StorageError(f"`--output`: {path} exists; choose another, or pass --overwrite to replace it.")
        if path.is_dir() if marker is None else not (path / marker).is_file():
            raise StorageError(f"`--output`: {path} was not written by auxtasks and is not replaced; choose another.")
    _check_writable(path)


def check_report(folder: Path, files: Sequence[str], *, overwrite: bool) -> None:
    """Make sure that a report can be written to a folder, which may hold other files."""
    there = [name for name in files if (folder / name).exists()]
    if there and not overwrite:
        raise StorageError(
            f"`--output`: {folder} holds {', '.join(there)}; choose another, or pass --overwrite to replace them."
        )
    for path in (folder, folder / "report.html"):
        _check_writable(path)


def check_file(path: Path | None, option: str) -> None:
    if path is None:
        return
    if path.is_dir():
        raise StorageError(f"`{option}`: {path} is a folder; name a file.")
    _check_writable(path, option)


def _check_writable(path: Path, option: str = "--output") -> None:
    """Make sure that a file or folder can be made, without making it."""
    # Its name, and that of what it is prepared in, may be too long.
    with told_as_storage_error(option, path), suppress(FileNotFoundError, NotADirectoryError):
        stage_of(path).lstat()
    nearest = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not nearest.is_dir():
        raise StorageError(f"`{option}`: {nearest} is a file, not a folder; choose another path than {path}.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise StorageError(f"`{option}`: {nearest} is not writable; choose another path than {path}.")
