"""What files and objects hold, as one short string."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def digest(parts: Iterable[bytes]) -> str:
    """Return the SHA-256 of some byte strings; where one ends and the next begins counts too.

    Examples
    --------
    >>> digest([b"a", b"bc"]) == digest([b"ab", b"c"])
    False
    """
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "little"))
        total.update(part)
    return total.hexdigest()


def digest_files(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files below a folder with their names.

    Compiled Python is left out: it comes and goes without a change.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a").write_text("1")
    ...     before = digest_files(Path(folder))
    ...     _ = (Path(folder) / "a").write_text("2")
    ...     before == digest_files(Path(folder))
    False
    """
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    kept = [file for file in files if "__pycache__" not in file.parts]
    return digest(part for file in kept for part in (file.relative_to(path).as_posix().encode(), file.read_bytes()))


def versions(*packages: str) -> str:
    """Return the versions of installed packages without importing them.

    Examples
    --------
    >>> versions("numpy").split()[0]
    'numpy'
    """
    return " ".join(f"{package} {_version(package)}" for package in packages)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
