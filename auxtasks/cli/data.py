"""What a user gives as INPUT, for all commands."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from auxtasks.errors import InvalidInputError, StorageError
from auxtasks.files import UNREADABLE, open_regular, stage_of, told_as_storage_error
from auxtasks.image_files import images_in_folder
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
        """Read one of the other arrays."""
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
        return {key: _without_empty(self.read(key)) for key in keys} or None


def read_data(path: Path, domain: str, image_size: tuple[int, int] | None = None) -> Data:
    """Read inputs; images of files are brought to a size."""
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


def _without_empty(labels: Array) -> Array:
    """Put None, which is missing, in the place of empty texts, which would be a class."""
    if labels.dtype.kind != "U":
        return labels
    found = labels.astype(object)
    found[labels == ""] = None
    return found


def listed(names: Iterable[str]) -> str:
    """Quote names, for a message."""
    return ", ".join(map(repr, names))


def read_npy(path: Path) -> Array:
    """Read an .npy file."""
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
    """Read the lines of a UTF-8 file."""
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
    """Read texts, one a line."""
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
    """Read labels."""
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


def with_gaps(labels: Array) -> Array:
    """Put None, which is missing, in the place of names of classes that say so."""
    if labels.dtype.kind != "U":
        return labels
    found = labels.astype(object)
    found[np.array([_is_missing(name) for name in labels.ravel()], bool).reshape(labels.shape)] = None
    return found


def numbered(labels: Array, *others: Array) -> tuple[list[Array], tuple[str, ...]]:
    """Give numbers to classes that are given by name, by the order of their names."""
    if labels.dtype.kind != "U":
        return [labels, *others], ()
    classes = tuple(sorted({name for name in labels.ravel().tolist() if not _is_missing(name)}))
    return [_numbers(part, classes) for part in (labels, *others)], classes


def _numbers(labels: Array, classes: tuple[str, ...]) -> Array:
    number = {name: number for number, name in enumerate(classes)}
    names = labels.ravel().tolist()
    unknown = sorted({str(name) for name in names if name not in number and not _is_missing(name)})
    if unknown:
        raise InvalidInputError(
            f"`y_test` holds {listed(unknown[:5])}, but training samples have only the classes {listed(classes)}."
        )
    return np.array([number.get(name, -1) for name in names], np.int64).reshape(labels.shape)


def _is_missing(name: object) -> bool:
    return str(name).strip().lower() in ("", "nan")


def check_new(path: Path, *, overwrite: bool, marker: str | None = None) -> None:
    """Make sure that something can be written."""
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
    """Make sure that a file can be written or added to."""
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
