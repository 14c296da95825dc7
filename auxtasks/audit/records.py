"""The finished runs of an audit, in a file that several processes may add to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auxtasks.audit.experiment import SETTING, SETTINGS, Arm, Run
from auxtasks.audit.plain import decode, decode_run, encode
from auxtasks.checksums import difference, json_record, parsed_document
from auxtasks.errors import StorageError
from auxtasks.files import locked, open_regular, read_regular, told_as_storage_error, write_through

FORMAT = 2
_UNCHECKED = (1, None)
"""Headers of format 1 have no checksum, and neither have the runs after such a header."""
_START = b'{"checksum"', b'{"auxtasks"'


class Records(dict[tuple[Arm, int, int], Run]):
    """Finished runs by arm, seed and fold: one line of JSON each, after a line that says what they were made of.

    Each line holds a checksum of itself. One that was not written to its end, as when the process was killed, is cut
    off before the next is added. Without a path the runs are kept in memory. `made_of` is what decides the result of a
    run besides arm, seed and fold, by name: see `fingerprint`.
    """

    def __init__(self, path: Path | None, made_of: Mapping[str, str]) -> None:
        super().__init__()
        self._path = path
        self._header = json_record({"auxtasks": "audit", "format": FORMAT, "made_of": dict(made_of)}) + b"\n"
        if path is None:
            return
        known = self._read(path)
        changed = [name for name, value in made_of.items() if known.get(name, value) != value]
        if any(name.startswith(SETTING) for name in changed):
            changed = [name for name in changed if name != SETTINGS]
        if changed:
            raise StorageError(
                f"`results`: {path} holds runs of another audit; differences: "
                f"{', '.join(difference(name, known[name], made_of[name]) for name in changed)}. Choose another file, "
                "or delete this one."
            )
        # Tasks that were added later have a header of their own.
        if set(made_of) - set(known):
            self._append(path, self._header)

    def add(self, run: Run) -> None:
        """Keep a run; it is on the disk when this returns."""
        if self._path is not None:
            self._append(self._path, json_record(encode(run)) + b"\n")
        self[run.arm, run.seed, run.fold] = run

    def _append(self, path: Path, line: bytes) -> None:
        kept = "Finished runs are kept: free some space and repeat the same call to resume."
        lock = path.with_name(f".{path.name}.lock")
        with told_as_storage_error("results", path, kept), locked(lock, argument="results"):
            # The file may have been deleted since it was read.
            new = not _cut_off_torn_line(path) and line != self._header
            write_through(path, self._header + line if new else line, append=True)

    def _read(self, path: Path) -> dict[str, str]:
        """Take the runs of a file, and return what they were made of."""
        made_of: dict[str, str] = {}
        unchecked: tuple[int | None, ...] = _UNCHECKED
        number = 1
        try:
            for number, line in enumerate(_whole_lines(path), start=1):
                fields = parsed_document(line, unchecked)
                if number == 1 or "auxtasks" in fields:
                    unchecked = _UNCHECKED if _format_of(path, fields) in unchecked else ()
                    made_of.update(decode(dict[str, str], fields.get("made_of"), "made_of"))
                else:
                    run = decode_run(fields)
                    self[run.arm, run.seed, run.fold] = run
        except ValueError as error:
            if number == 1:
                raise _not_of_an_audit(path, error) from None
            raise StorageError(
                f"`results`: line {number} of {path} is not a run: {error}. Delete the line to have it trained again."
            ) from None
        return made_of


def _cut_off_torn_line(path: Path) -> bool:
    """Cut off what follows the last end of a line, and tell whether there is a line."""
    if not path.exists():
        return False
    with open_regular(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        if file.read(1) == b"\n":
            return True
    whole = read_regular(path).rfind(b"\n") + 1
    if whole < size:
        os.truncate(path, whole)
    return whole > 0


def _whole_lines(path: Path) -> list[bytes]:
    """Return the lines that end; a last one that does not was not written whole, or is being written."""
    if os.path.isdir(path) or path.name == "":  # noqa: PTH112 (Path.is_dir raises where a folder may not be read)
        raise StorageError(f"`results` must be a file, but {path} is a folder; name a file in it.")
    try:
        *lines, rest = read_regular(path).split(b"\n")
    except FileNotFoundError:
        return []
    except NotADirectoryError as error:
        raise StorageError(f"`results`: {path} cannot be read ({error.strerror}); choose another name.") from error
    if rest and not lines and not any(start.startswith(rest[: len(start)]) for start in _START):
        raise _not_of_an_audit(path, "it has no complete line")
    return lines


def _not_of_an_audit(path: Path, why: object) -> StorageError:
    return StorageError(
        f"`results`: {path} is not a file of an audit, or its first line is damaged ({why}); choose another name."
    )


def _format_of(path: Path, fields: Mapping[str, Any]) -> int:
    if fields.get("auxtasks") != "audit":
        raise ValueError("it lacks the header of an audit")
    found = fields.get("format")
    if found not in (1, FORMAT):
        raise StorageError(f"`results`: {path} has format {found}, and this version reads {FORMAT}.")
    return int(found)
