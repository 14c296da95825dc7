"""Files that are written as a whole or not at all, and what tells one content from another."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks.errors import StorageError
from auxtasks.locks import LOCK, locked
from auxtasks.opening import descriptor_of, refuse_link, shown

NEW = "new"


@contextmanager
def staged(path: Path, argument: str = "path") -> Iterator[Path]:
    """Give a place for a new file or folder, on the file system of the one that it is going to replace.

    One process at a time has it. What is there at the end is removed, as is what a process left there that was killed.
    """
    stage = stage_of(path)
    with ExitStack() as stack:
        with told_as_storage_error(argument, path):
            stack.enter_context(locked(stage, argument=argument))
        stack.enter_context(told_as_storage_error(argument, path, below=(stage, path.absolute())))
        others = sorted(found.name for found in stage.iterdir() if found.name not in (LOCK, NEW))
        if others:
            raise StorageError(
                f"`{argument}`: {stage} is needed while {path} is written, but holds {', '.join(others)}, which "
                "auxtasks did not write; move it away."
            )
        _remove(stage / NEW)
        try:
            yield stage / NEW
        finally:
            # Threads that still write there after an error may keep it from being removed until the next time.
            with suppress(OSError):
                _remove(stage / NEW)


def stage_of(path: Path) -> Path:
    """Return the folder in which what takes a path is prepared."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 (keeps links as they are)
    return path.with_name(f".{path.name}.saving")


def left_by_killed(folder: Path, names: str) -> None:
    """Remove what processes that were killed left of files of some names, a pattern of `Path.glob`."""
    for stage in folder.glob(f".{names}.saving"):
        with staged(folder / stage.name[1 : -len(".saving")]):
            pass


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def written_as_a_whole(path: Path, argument: str = "path") -> Iterator[Path]:
    """Give a path of the same name for a file, which replaces the one there once it is written without an error."""
    refuse_link(path, argument)
    with staged(path, argument) as folder:
        folder.mkdir()
        new = folder / path.name
        yield new
        sync(new)
        new.replace(path)
        sync(path.parent)


def write_whole(path: Path, text: str, argument: str = "path") -> None:
    """Write a text, replacing a file that is there."""
    with written_as_a_whole(path, argument) as new:
        new.write_text(text, encoding="utf-8")


def write_through(path: Path, content: bytes, *, append: bool = False) -> None:
    """Write, or add to what is there, and return once it is on the disk."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
    with os.fdopen(descriptor_of(path, flags), "ab" if append else "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Return once a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextmanager
def told_as_storage_error(
    argument: str, path: Path, if_full: str = "Free some space, or choose another path.", below: tuple[Path, ...] = ()
) -> Iterator[None]:
    """Say of an error while something is written where that was, and what to do.

    Where something else is read meanwhile, errors are those of files at or below some paths.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        names = [str(name) for name in (error.filename, error.filename2)]
        if error.errno not in _FULL and below and not any(n.startswith(str(each)) for n in names for each in below):
            raise
        if error.errno not in _FULL:
            why = f"{error.strerror}: {shown(error.filename)}" if error.filename else str(error)
            raise StorageError(
                f"`{argument}`: {shown(path)} cannot be written ({why}); choose another path."
            ) from error
        there = next(folder for folder in path.absolute().parents if folder.exists())
        free = shutil.disk_usage(there).free
        raise StorageError(
            f"`{argument}`: the disk of {path.parent} is full, or a quota is reached ({error.strerror}; {free:,} bytes "
            f"are free). {if_full}"
        ) from error


def digest(parts: Iterable[bytes]) -> str:
    """Return the SHA-256 of some byte strings; where one ends and the next begins counts too."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "little"))
        total.update(part)
    return total.hexdigest()


def digest_files(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files below a folder with their names.

    Compiled Python is left out: it comes and goes without a change.
    """
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    kept = [file for file in files if "__pycache__" not in file.parts]
    return digest(part for file in kept for part in (file.relative_to(path).as_posix().encode(), file.read_bytes()))


def versions(*packages: str) -> str:
    """Return the versions of installed packages without importing them."""
    return " ".join(f"{package} {_version(package)}" for package in packages)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def fingerprint(*values: Any) -> str:
    """Return a short name of what arrays, texts and plain values hold: equal for equal contents."""
    total = hashlib.sha256()
    for value in values:
        _feed(total, value)
    return total.hexdigest()[:16]


_READABLE = "= "
_LONGEST = 60


def readable(value: Any) -> str:
    """Return what a plain value is, for `difference` to say, or the fingerprint of one that takes too long to say."""
    text = value if isinstance(value, str) else repr(value)
    return _READABLE + text if len(text) <= _LONGEST and text.isprintable() else fingerprint(value)


def difference(name: str, before: str, now: str) -> str:
    """Say what changed, with its values if these are readable."""
    if not (before.startswith(_READABLE) and now.startswith(_READABLE)):
        return name
    return f"{name} {before.removeprefix(_READABLE)} → {now.removeprefix(_READABLE)}"


def named(value: Any) -> Any:
    """Turn a setting into plain values that are the same in every process, as `repr` of a function is not."""
    if value is None or isinstance(value, (bool, int, float, str, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {str(key): named(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [named(part) for part in value]
    return _named_object(value, ())


def _named_object(value: Any, within: tuple[int, ...]) -> Any:
    """Name a function by its code, and another object by what it holds."""
    if id(value) in within:
        return "itself"
    if hasattr(value, "get_config") and not isinstance(value, type):
        return [type(value).__name__, named(_without_name(value.get_config()))]
    if hasattr(value, "__code__"):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        held = [_named_part(part, (*within, id(value))) for part in (*cells, value.__defaults__, value.__kwdefaults__)]
        return [f"{value.__module__}.{value.__qualname__}", _code(value.__code__), held]
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    parts = {name: _named_part(part, (*within, id(value))) for name, part in getattr(value, "__dict__", {}).items()}
    return [type(value).__name__, parts if parts or " at 0x" in repr(value) else repr(value)]


def _named_part(value: Any, within: tuple[int, ...]) -> Any:
    return _named_object(value, within) if hasattr(value, "__dict__") else named(value)


def _code(code: Any) -> Any:
    """Name compiled code; functions defined in it are among its constants."""
    constants = [_code(part) if hasattr(part, "co_code") else repr(part) for part in code.co_consts]
    return [hashlib.sha256(code.co_code).hexdigest()[:16], constants, list(code.co_names)]


def _without_name(config: Any) -> Any:
    """Leave out names, also in nested configurations: Keras numbers them through in a process."""
    if isinstance(config, Mapping):
        return {key: _without_name(part) for key, part in config.items() if key not in ("name", "registered_name")}
    return [_without_name(part) for part in config] if isinstance(config, (list, tuple)) else config


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        for key in value:
            _feed(digest, [str(key), value[key]])
    elif isinstance(value, (list, tuple)):
        digest.update(f"{len(value)}[".encode())
        for part in value:
            _feed(digest, part)
    elif isinstance(value, np.ndarray) and value.dtype.kind not in "OU":
        digest.update(f"{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).view(np.uint8).data if value.size else b"")
    elif isinstance(value, np.ndarray):
        _feed(digest, value.tolist())
    else:
        digest.update(f"{type(value).__name__}:{value!r};".encode())
