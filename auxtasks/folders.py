"""Saved folders: a description, and the arrays that it names in a folder of their own, so that one step replaces all.

    targets/
        auxtasks.json                  the description; the next one takes its name in one step
        arrays-<identity>/             what it names, and nothing else

The arrays of another description are in another folder. A reader who holds one description never finds the arrays of
another: its own are there, or they are gone, and then there is a new description to read.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from auxtasks._version import __version__
from auxtasks.checksums import checksum, checksum_of, json_document, parsed_document
from auxtasks.errors import StorageError
from auxtasks.files import NEW, open_regular, read_regular, refuse_link, stage_of, staged, sync, write_through
from auxtasks.targets.state import plain

FORMAT = 2
UNCHECKED = 1
"""The format without checksums, whose arrays are beside the description."""
JOURNAL = "journal.jsonl"
"""What a run of `make_aux_targets` has finished."""

_ARRAYS = re.compile(r"arrays-[0-9a-f]{16}")
_ARRAY = re.compile(
    r"(target|main|raw|inputs)_\d{3,}(\.npy)?|(inputs|lengths)(\.npy)?|inputs(_\d{3,})?\.json|journal\.jsonl"
)
_CHUNK = re.compile(r"zarr\.json|\.z(array|attrs|group)|c|\d+(\.\d+)*")
"""What there is below an array of Zarr."""

Blocks = Sequence[tuple[int, str]]
"""Of each block of a file, the byte before which it ends, and its checksum."""


def save_folder(path: Path, description: str, write: Callable[[Path], Mapping[str, Any]], *, overwrite: bool) -> None:
    """Save what a function writes to a folder for arrays, described by what it returns."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 (keeps links as they are)
    with staged(path) as new:
        check_replaceable(path, description, overwrite=overwrite)
        arrays = begin_arrays(new)
        publish(arrays, path, description, write(arrays))


def begin_arrays(new: Path) -> Path:
    arrays = new / f"arrays-{secrets.token_hex(8)}"
    arrays.mkdir(parents=True)
    return arrays


def arrays_in(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [each for each in found if _ARRAYS.fullmatch(each.name) and each.is_dir() and not each.is_symlink()]


def publish(arrays: Path, path: Path, description: str, fields: Mapping[str, Any]) -> None:
    """Describe arrays, and give them the name that they are read by, while `staged` holds it for this process."""
    new = arrays.parent
    before = [name for name in _named_beside(path / description) if (path / name).exists()]
    head = {"format": FORMAT, "auxtasks": __version__, "folder": arrays.name}
    head |= {"replaces": before} if before else {}
    write_through(new / description, json_document({**head, **fields}, plain))
    for found in (*arrays.rglob("*"), arrays, new):
        sync(found)
    if path.exists():
        arrays.replace(path / arrays.name)
        sync(path)
        (new / description).replace(path / description)
        sync(path)
        with suppress(OSError):
            new.rmdir()
        _tidy(path, arrays.name, before)
    else:
        new.replace(path)
    sync(path.parent)


def _tidy(path: Path, kept: str, before: Sequence[str]) -> None:
    """Remove what belonged to a description that is replaced; what cannot be removed now is the next time."""
    gone = stage_of(path) / NEW
    old = [arrays for arrays in arrays_in(path) if arrays.name != kept and not any(foreign_in(arrays))]
    old += [found for found in map(path.joinpath, before) if not found.is_dir() or not any(foreign_in(found, _CHUNK))]
    for found in old:
        # Away in one step: a reader does not find half of it. Windows moves nothing that is open.
        with suppress(OSError):
            gone.mkdir(exist_ok=True)
            found.replace(gone / found.name)


def clear_up(path: Path, description: str) -> None:
    """Remove what a process left that was killed at the end of its work; where nothing may be written, nothing is."""
    before = _named_beside(path / description)
    if stage_of(path).exists() or len(arrays_in(path)) > 1 or any((path / name).exists() for name in before):
        with suppress(OSError), staged(path):
            fields = parsed_document(read_regular(path / description), (UNCHECKED,))
            if fields["format"] == FORMAT:
                _tidy(path, fields["folder"], fields.get("replaces", ()))


def check_replaceable(path: Path, description: str, *, overwrite: bool, argument: str = "path") -> None:
    refuse_link(path, argument)
    if path.exists() and not path.is_dir():
        raise StorageError(f"`{argument}`: {path} is a file and is not replaced; choose another path.")
    if (path / description).is_file() and not overwrite:
        raise StorageError(f"`{argument}`: {path} exists; choose another, or pass overwrite=True to replace it.")
    if path.exists():
        refuse_foreign(path, _foreign(path, description), argument)


def refuse_foreign(path: Path, foreign: Iterator[Path], argument: str) -> None:
    names = [str(found.relative_to(path)) for found in foreign]
    if names:
        listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise StorageError(
            f"`{argument}`: {path} holds {listed}, which was not written by auxtasks and is not replaced; move it "
            "away, or choose another path."
        )


def _foreign(path: Path, description: str) -> Iterator[Path]:
    before = _named_beside(path / description)
    for found in sorted(path.iterdir()):
        if not found.is_symlink() and found.is_dir() and _ARRAYS.fullmatch(found.name):
            yield from foreign_in(found)
        elif not found.is_symlink() and found.is_dir() and found.name in before:
            yield from foreign_in(found, _CHUNK)
        elif found.is_symlink() or found.is_dir() or found.name not in (description, *before):
            yield found


def foreign_in(folder: Path, names: re.Pattern[str] = _ARRAY) -> Iterator[Path]:
    """Go through what is in a folder of arrays and is none."""
    for found in sorted(folder.iterdir()):
        if found.is_symlink() or not names.fullmatch(found.name):
            yield found
        elif found.is_dir():
            yield from foreign_in(found, _CHUNK)


def _named_beside(path: Path) -> list[str]:
    """Return what a description names beside it: the arrays of the first format, also once they are replaced."""
    try:
        described = parsed_document(read_regular(path), (UNCHECKED,))
    except (OSError, ValueError):
        return []
    names = described.get("replaces", [])
    if described["format"] == UNCHECKED:
        targets, main = described.get("targets"), described.get("main")
        entries = [*(targets.values() if isinstance(targets, dict) else ()), *(main if isinstance(main, list) else ())]
        entries += [described.get("inputs"), described.get("lengths")]
        # Arrays of Zarr are the keys of "arrays".
        names = [entry["file"] for entry in entries if isinstance(entry, dict) and "file" in entry]
        names += [*(described.get("arrays") or ()), JOURNAL, "lock"]
    return sorted({name for name in names if _ARRAY.fullmatch(str(name)) or name == "lock"})


@dataclass(frozen=True)
class Saved:
    """A description that was read, and where its arrays are."""

    path: Path
    fields: Mapping[str, Any]
    arrays: Path
    again: str  # what to do if something is damaged

    @property
    def files(self) -> Mapping[str, Blocks] | None:
        """The checksums of every file of the arrays; None in the first format."""
        return None if self.fields["format"] == UNCHECKED else self.fields["files"]

    def file(self, name: object) -> Path:
        if not isinstance(name, str) or not _ARRAY.fullmatch(name):
            raise StorageError(f"{self.path} names {name!r}, which is not a file beside it.")
        return self.arrays / name

    def verify(self) -> None:
        for name, blocks in (self.files or {}).items():
            check_blocks(self.arrays / name, blocks, self.again)


T = TypeVar("T")


def read_folder(
    folder: Path, description: str, read: Callable[[Saved], T], absent: Callable[[Path], str], again: str
) -> T:
    """Return what a function reads of a saved folder, once more where another description took its place meanwhile."""
    path = folder / description
    while True:
        content = _content(path, absent)
        try:
            return read(_saved(path, content, again))
        except StorageError:
            if _content(path, absent) == content:
                raise


def _content(path: Path, absent: Callable[[Path], str]) -> bytes:
    try:
        return read_regular(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StorageError(f"`path`: {absent(path)}") from error


def _saved(path: Path, content: bytes, again: str) -> Saved:
    try:
        fields = parsed_document(content, (UNCHECKED,))
    except ValueError as error:
        raise StorageError(f"{path} is damaged: {error}. {again}.") from error
    if fields.get("format") not in (UNCHECKED, FORMAT):
        raise StorageError(
            f"{path} is of format {fields.get('format')!r}, and this version of auxtasks ({__version__}) reads format "
            f"{FORMAT}. {again}, or use auxtasks {fields.get('auxtasks', 'of another version')}."
        )
    if fields["format"] == UNCHECKED:
        return Saved(path, fields, path.parent, again)
    arrays = path.parent / str(fields.get("folder"))
    if not _ARRAYS.fullmatch(arrays.name) or arrays.parent != path.parent:
        raise StorageError(f"{path} names {fields.get('folder')!r}, which is not a folder of arrays. {again}.")
    if arrays.is_symlink():
        raise StorageError(f"{arrays} is a link. auxtasks does not follow links; replace it with the folder itself.")
    files = fields.get("files")
    if not isinstance(files, dict) or not all(_are_blocks(name, blocks) for name, blocks in files.items()):
        raise StorageError(f"{path} is damaged: `files` must hold the checksums of the arrays. {again}.")
    return Saved(path, fields, arrays, again)


def _are_blocks(name: str, blocks: object) -> bool:
    first, *below = name.split("/")
    if not _ARRAY.fullmatch(first) or not all(map(_CHUNK.fullmatch, below)) or not isinstance(blocks, list):
        return False
    pairs = [each for each in blocks if isinstance(each, list) and len(each) == 2 and type(each[0]) is int]
    ends = [0, *(end for end, _ in pairs)]
    return len(pairs) == len(blocks) and ends == sorted(ends)


def one_block(path: Path) -> Blocks:
    """Return the checksum of a file that is written at once."""
    content = read_regular(path)
    return [(len(content), checksum(content))]


def check_blocks(path: Path, blocks: Blocks, again: str) -> None:
    try:
        with open_regular(path) as file:
            start = 0
            for end, said in blocks:
                if checksum_of(file, end - start) != said:
                    raise StorageError(
                        f"{path} is damaged: bytes {start:,} to {end:,} do not have the checksum they were written "
                        f"with. {again}."
                    )
                start = end
            if file.read(1):
                raise StorageError(f"{path} is damaged: it continues after its end at byte {start:,}. {again}.")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StorageError(f"{path} is missing. {again}.") from error
