"""Disk space: whether it will do, and a clear word if it does not."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from auxtasks.disk.parts import Part
from auxtasks.disk.rows import RowFile
from auxtasks.errors import StorageError

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def check_space(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Parameters
    ----------
    folder : Path
        Where it is to be written.
    needed : int
        How many bytes more it takes.

    Raises
    ------
    StorageError
        If the disk has fewer left.

    Examples
    --------
    >>> check_space(Path("."), 1)
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"`out`: {needed:,} bytes more are needed in {folder}, and {free:,} are free on its disk. Free some, "
            "choose another disk, or make fewer targets."
        )


@contextmanager
def told_if_full(folder: Path) -> Iterator[None]:
    """Say what to do when the disk is full, or a file may not grow.

    Parameters
    ----------
    folder : Path
        Where is written.

    Raises
    ------
    StorageError
        Instead of the system's error.

    Examples
    --------
    >>> with told_if_full(Path(".")):
    ...     pass
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        free = shutil.disk_usage(folder).free
        raise StorageError(
            f"`out`: the disk of {folder} is full, or a quota is reached ({error.strerror}; {free:,} bytes are free). "
            "What is finished is kept: free some space and make the same call again to go on, or delete the folder."
        ) from error


@contextmanager
def open_files(folder: Path, parts: Sequence[Part], n: int | None) -> Iterator[dict[str, RowFile]]:
    """Open the files of parts, with room for all rows where their number is known.

    Parameters
    ----------
    folder : Path
        Where they are.
    parts : sequence of Part
        What is written to them.
    n : int or None
        How many rows there will be.

    Yields
    ------
    dict of str to RowFile
        By name.

    Raises
    ------
    StorageError
        If the disk has not that much space, and as much again as the largest that is to be scaled.
    """
    with ExitStack() as stack:
        files = {part.file: stack.enter_context(part.open(folder)) for part in parts}
        if n is not None:
            sizes = {name: rows.size_of(n) for name, rows in files.items()}
            scaled = [sizes[part.file] for part in parts if part.final != part.file]
            names = {*files, *(part.final for part in parts)}
            there = sum(512 * found.stat().st_blocks for found in folder.iterdir() if found.name in names)
            check_space(folder, sum(sizes.values()) + max(scaled, default=0) - there)
            for rows in files.values():
                rows.reserve(n)
        yield files


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
