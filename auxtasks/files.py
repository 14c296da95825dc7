"""Files opened as what they are, held by one writer, and written as a whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import struct
import sys
import time
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from auxtasks.errors import StorageError

# Opened: no link is followed, and no pipe waited for

UNREADABLE = (
    OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError, MemoryError,
    SyntaxError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What the readers of arrays, archives and JSON raise for bytes that are none, or that say there are more."""


def shown(path: object) -> str:
    """Return a path as errors say it: of a very long one the beginning and the end."""
    text = str(path)
    return text if len(text) < 500 else f"{text[:200]}…{text[-200:]}"


def refuse_link(path: Path, argument: str = "path") -> None:
    """Refuse to write through a link, or in its place."""
    if os.path.islink(path):  # noqa: PTH114 (the method raises where a name is too long)
        raise StorageError(
            f"`{argument}`: {shown(path)} is a link to {path.readlink()}. auxtasks neither follows nor replaces "
            "links; pass the path that it points to, or another path."
        )


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read it; a link, a folder or a pipe is refused."""
    return os.fdopen(descriptor_of(path, os.O_RDONLY), "rb")


def read_regular(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read()


def descriptor_of(path: Path, flags: int) -> int:
    """Open an ordinary file; one that is absent raises what `open` raises."""
    # Without waiting for the other end of a pipe.
    careful = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
    try:
        if path.is_symlink():
            raise StorageError(
                f"{shown(path)} is a link. auxtasks does not follow links; replace it with the file itself."
            )
        descriptor = os.open(path, flags | careful, 0o666)
    except (FileNotFoundError, NotADirectoryError, StorageError):
        raise
    except OSError as error:
        raise StorageError(f"{shown(path)} cannot be opened: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StorageError(f"{shown(path)} is not a regular file but a folder, a pipe or a device.")
    return descriptor


# Locked between processes; the system frees a lock when a process ends, however it ends

LOCK = "lock"
"""The name of the file, in the folder that is locked."""


@contextmanager
def locked(folder: Path, *, wait: bool = True, argument: str = "path") -> Iterator[None]:
    """Hold the lock of a folder, which is made if need be, and is removed at the end if it holds nothing else then.

    Where another process holds it, wait for that one, or refuse.
    """
    descriptor = _held(folder, wait=wait, argument=argument)
    try:
        yield
    finally:
        if os.name == "nt":
            # Windows removes no open file.
            os.close(descriptor)
            _remove_lock(folder)
        else:
            # While it is held: a process that waits for it sees that it is gone, and makes another.
            try:
                _remove_lock(folder)
            finally:
                os.close(descriptor)


def _held(folder: Path, *, wait: bool, argument: str) -> int:
    while True:
        refuse_link(folder, argument)
        # Its holder may just have removed the folder.
        with suppress(FileNotFoundError):
            _make(folder)
            descriptor = descriptor_of(folder / LOCK, os.O_RDWR | os.O_CREAT)
            try:
                if _is_held(descriptor, folder, wait=wait, argument=argument):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        # `mkdir` looks again at what it has found, and it may be gone by then.
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            raise


def _is_held(descriptor: int, folder: Path, *, wait: bool, argument: str) -> bool:
    """Lock a file, and tell whether it is still the one that others find there."""
    holder = os.read(descriptor, 20)
    if holder.strip(b"0123456789"):
        raise StorageError(f"`{argument}`: {folder / LOCK} was not written by auxtasks; choose another path.")
    if not _taken(descriptor, wait=wait):
        raise StorageError(
            f"`{argument}`: process {holder.decode() or '?'} is writing {folder}; wait for it, or choose another path."
        )
    if not os.path.samestat((folder / LOCK).stat(), os.fstat(descriptor)):
        return False
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, str(os.getpid()).encode())
    return True


if sys.platform == "win32":
    import msvcrt

    def _taken(descriptor: int, *, wait: bool) -> bool:
        # A byte that nobody reads or writes.
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        while True:
            with suppress(OSError):
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
                return True
            if not wait:
                return False
            time.sleep(0.05)

else:
    import fcntl

    def _taken(descriptor: int, *, wait: bool) -> bool:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return True
        return False


def _remove_lock(folder: Path) -> None:
    # Another process may have it open, or what else is there be still needed.
    with suppress(OSError):
        (folder / LOCK).unlink()
        folder.rmdir()


# Written as a whole

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
