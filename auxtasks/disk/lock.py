"""One process at a time: a folder that is locked for as long as its process lives."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auxtasks.errors import StorageError

LOCK = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is made if need be; it may be renamed meanwhile.

    Parameters
    ----------
    folder : Path
        The folder.

    Raises
    ------
    StorageError
        If another process holds it. The lock of a process that was killed is free: the system takes it back.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home, locked(Path(home, "targets.partial")):
    ...     Path(home, "targets.partial", LOCK).exists()
    True
    """
    try:
        import fcntl
    except ImportError:
        raise StorageError("`out` needs the file locks of Unix, which this system does not have.") from None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise StorageError(
                f"`out`: process {file.read().strip() or '?'} is writing {folder}; wait for it, or choose another path."
            ) from None
        try:
            here = os.path.samestat(path.stat(), os.fstat(file.fileno()))
        except FileNotFoundError:
            here = False
        if not here:
            raise StorageError(
                f"`out`: another process has just finished {folder}; load its targets by `load_targets`."
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
