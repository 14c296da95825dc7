"""Telling that a call is not the one that an unfinished run was begun with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auxtasks.disk.journal import Journal
from auxtasks.disk.rows import digest_of
from auxtasks.errors import StorageError
from auxtasks.typing import Array

_NEXT = (
    "Pass what they were begun with, pass overwrite=True to begin anew, or choose another path; batches must come in "
    "the same order each time, not shuffled."
)


class InputsChangedError(StorageError):
    """The inputs are not those that finished chunks were computed from."""

    def __init__(self, what: str) -> None:
        super().__init__(f"`out`: {what} differs from what the targets there were made of. {_NEXT}")


def check_made_of(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse other options, or inputs of another shape, than a run was begun with.

    Parameters
    ----------
    before, now : mapping of str to object
        What decides the result, by name.

    Raises
    ------
    StorageError
        If they differ; what does is named.

    Examples
    --------
    >>> check_made_of({"seed": 0}, {"seed": 0})
    """
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if changed:
        said = "; ".join(f"{name} was {_short(before.get(name))} and is {_short(now.get(name))}" for name in changed)
        raise StorageError(f"`out`: the targets there are made of something else: {said}. {_NEXT}")


def check_same_values(values: Mapping[str, Array], journal: Journal, start: int) -> None:
    """Refuse to go on where the same inputs do not give the same values any more.

    Parameters
    ----------
    values : mapping of str to ndarray
        What a chunk gives now, by file.
    journal : Journal
        With the checksums of what it gave before.
    start : int
        The first row.

    Raises
    ------
    StorageError
        If a value differs: a task of the user's own changed, or NumPy, or the processor.
    """
    for name, array in values.items():
        before = journal.known(name, start)
        if before is not None and before[1] != digest_of(array):
            raise StorageError(
                "`out`: the same inputs give other values than when the targets there were begun; a task of your own "
                f"may have changed, or a library, or the machine. {_NEXT}"
            )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:197] + "..."
