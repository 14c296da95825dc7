"""Where results go, checked before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from auxtasks.errors import StorageError


def check_new(path: Path, *, overwrite: bool, marker: str | None = None) -> None:
    """Make sure that something can be written.

    Parameters
    ----------
    path : Path
        The file or folder to be written.
    overwrite : bool
        Whether it may replace one.
    marker : str, optional
        The file by which a folder is known to be one of ours; no other is replaced.

    Raises
    ------
    StorageError
        If something is there that may not be replaced, or nothing can be written there.
    """
    if os.path.lexists(path):
        if not overwrite:
            raise StorageError(f"`--output`: {path} exists; choose another, or pass --overwrite to replace it.")
        if path.is_dir() if marker is None else not (path / marker).is_file():
            raise StorageError(f"`--output`: {path} was not written by auxtasks and is not replaced; choose another.")
    _check_writable(path)


def check_report(folder: Path, files: Sequence[str], *, overwrite: bool) -> None:
    """Make sure that a report can be written to a folder, which may hold other files.

    Parameters
    ----------
    folder : Path
        The folder.
    files : sequence of str
        What will be written.
    overwrite : bool
        Whether these may replace others.

    Raises
    ------
    StorageError
        If one is there that may not be replaced, or nothing can be written there.
    """
    there = [name for name in files if (folder / name).exists()]
    if there and not overwrite:
        raise StorageError(
            f"`--output`: {folder} holds {', '.join(there)}; choose another, or pass --overwrite to replace them."
        )
    _check_writable(folder / "report.html")


def check_file(path: Path | None, option: str) -> None:
    """Make sure that a file can be written or added to.

    Parameters
    ----------
    path : Path or None
        The file; nothing is checked without one.
    option : str
        Which option names it.

    Raises
    ------
    StorageError
        If it is a folder, or nothing can be written there.
    """
    if path is None:
        return
    if path.is_dir():
        raise StorageError(f"`{option}`: {path} is a folder; name a file.")
    _check_writable(path, option)


def _check_writable(path: Path, option: str = "--output") -> None:
    """Make sure that a file or folder can be made, without making it."""
    nearest = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not nearest.is_dir():
        raise StorageError(f"`{option}`: {nearest} is a file and not a folder; choose another place than {path}.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise StorageError(f"`{option}`: {nearest} may not be written to; choose another place than {path}.")
