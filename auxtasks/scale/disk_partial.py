"""The folder in which targets are made on disk until they are finished: what is in it is auxtasks's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from auxtasks.checksums import parsed_document
from auxtasks.errors import StorageError
from auxtasks.files import NEW
from auxtasks.folders import arrays_in, foreign_in, refuse_foreign
from auxtasks.locks import LOCK, locked
from auxtasks.opening import read_regular, refuse_link
from auxtasks.storage import DESCRIPTION


def check_partial(partial: Path) -> None:
    """Refuse a folder to work in that holds something else than an unfinished run."""
    refuse_link(partial, "save_to")
    if partial.exists() and not partial.is_dir():
        raise StorageError(f"`save_to`: {partial} exists and was not written by auxtasks; choose another path.")
    if partial.is_dir():
        refuse_foreign(partial, _foreign_in(partial), "save_to")


def _foreign_in(partial: Path) -> Iterator[Path]:
    new = partial / NEW
    yield from (found for found in sorted(partial.iterdir()) if found.name not in (LOCK, NEW) or found.is_symlink())
    if new.is_dir() and not new.is_symlink():
        runs = arrays_in(new)
        for found in sorted(new.iterdir()):
            if found not in runs and (found.name != DESCRIPTION or found.is_symlink()):
                yield found
        for run in runs:
            yield from foreign_in(run)
    elif new.exists():
        yield new


def take_back(new: Path, path: Path) -> None:
    """Undo what a process did that was killed while it gave arrays their name, so that the run can go on."""
    try:
        name = parsed_document(read_regular(new / DESCRIPTION)).get("folder")
    except (OSError, ValueError):
        return
    for arrays in arrays_in(path):
        if arrays.name == name and not arrays_in(new):
            arrays.replace(new / arrays.name)


def clear_partial(partial: Path) -> None:
    """Remove the folder if there is but the lock of a process that was killed at its end."""
    if partial.exists():
        with suppress(OSError), locked(partial, wait=False):
            (partial / NEW).rmdir()
