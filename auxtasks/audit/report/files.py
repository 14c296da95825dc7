"""Files that are written as a whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_beside(path: Path) -> Iterator[Path]:
    """Give a folder to prepare files in, and remove it afterwards.

    Parameters
    ----------
    path : Path
        Where the files will go. The folder is next to it, so that moving them there is one step on the same file
        system; the folders above are made.

    Yields
    ------
    Path
        The empty folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text, replacing a file that is there.

    Parameters
    ----------
    path : Path
        The file; what was there survives a failure.
    text : str
        The text, written as UTF-8.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder, "new", "a.txt"), "±1")
    ...     Path(folder, "new", "a.txt").read_text(encoding="utf-8"), len([*Path(folder, "new").iterdir()])
    ('±1', 1)
    """
    with scratch_beside(path) as scratch:
        new = scratch / "new"
        new.write_text(text, encoding="utf-8")
        new.replace(path)
