"""The exceptions and warnings of auxtasks, and the words they share.

Every error names the argument in backticks, what was expected, what was found and what to do next.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from difflib import get_close_matches
from reprlib import Repr


class AuxTasksError(Exception):
    """Base of every error that auxtasks raises on purpose."""


class InvalidInputError(AuxTasksError, ValueError):
    """An argument has the right type but a value, shape or length that cannot be used."""


class InvalidTypeError(AuxTasksError, TypeError):
    """An argument is of a type that cannot be used."""


class UnknownNameError(AuxTasksError, ValueError):
    """A domain, task, option, layer or other name does not exist."""


class MissingDependencyError(AuxTasksError, ImportError):
    """An optional dependency is needed and not installed."""


class StorageError(AuxTasksError, OSError):
    """A saved set of targets is absent, incomplete or not what its description says."""


class AuxTasksWarning(UserWarning):
    """Something was left out or will not work as a user may expect, and training goes on."""


def warn_user(message: str, *, stacklevel: int = 2) -> None:
    """Warn of something that goes on otherwise than a user may expect; `stacklevel` as `warnings.warn` takes it."""
    warnings.warn(message, AuxTasksWarning, stacklevel=stacklevel + 1)


_LONGEST = 200


class _Short(Repr):
    def repr_int(self, x: int, level: int) -> str:
        """Count the bits of what Python refuses to write in digits."""
        return f"an integer of {x.bit_length()} bits" if x.bit_length() > _LONGEST else super().repr_int(x, level)


_short = _Short()
_short.maxlevel = 4
_short.maxstring = _short.maxother = _LONGEST
_short.maxdict = _short.maxlist = _short.maxtuple = _short.maxset = _short.maxfrozenset = 8


def abbreviated(value: object) -> str:
    """Return what a user gave as it is written, or the beginning of it where that is long, deep or endless."""
    text = _short.repr(value)
    text = " ".join(text.split()) if "\n" in text else text
    return text if len(text) <= 2 * _LONGEST else f"{text[: 2 * _LONGEST]}…"


def wrong_type(argument: str, expected: str, found: object) -> InvalidTypeError:
    kind = type(found).__name__
    return InvalidTypeError(f"`{argument}` must be {expected}; got {abbreviated(found)} of type {kind}.")


def unknown_name(argument: str, found: object, valid: Iterable[str], what: str) -> UnknownNameError:
    """Say that what was given names nothing, with the nearest names that do; `what` such a name stands for."""
    names = sorted(map(str, valid))
    near = get_close_matches(str(found)[:_LONGEST] if isinstance(found, str) else "", names, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(map(abbreviated, near))}? " if near else ""
    listed = ", ".join(map(abbreviated, names[:40])) + (", …" if len(names) > 40 else "")
    return UnknownNameError(
        f"`{argument}`: there is no {what} named {abbreviated(found)}. {hint}Valid names: {listed or 'none'}."
    )
