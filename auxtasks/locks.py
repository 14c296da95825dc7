"""Locks between processes, which the system frees when a process ends, however it ends."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from auxtasks.errors import StorageError
from auxtasks.opening import descriptor_of, refuse_link

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
