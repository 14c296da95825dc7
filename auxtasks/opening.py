"""Files opened as what they are: no link is followed, and no pipe waited for."""

from __future__ import annotations

import os
import stat
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from auxtasks.errors import StorageError

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
