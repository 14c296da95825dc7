"""What tells one content from another: checksums of bytes, JSON that carries its own, names of arrays and settings."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np


def checksum(content: bytes | memoryview) -> str:
    """Return the CRC-32 of some bytes, which differs wherever a bit does."""
    return f"{zlib.crc32(content):08x}"


def checksum_of(file: BinaryIO, size: int) -> str | None:
    """Return the checksum of the next bytes of a file; None if it ends before."""
    found = 0
    while size:
        part = file.read(min(size, 1 << 20))
        if not part:
            return None
        found = zlib.crc32(part, found)
        size -= len(part)
    return f"{found:08x}"


class Summed:
    """A file that is written, with the checksum of all that was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._found = 0
        self.size = 0

    def write(self, content: bytes | memoryview) -> int:
        self._found = zlib.crc32(content, self._found)
        self.size += len(content)
        return self._file.write(content)

    @property
    def checksum(self) -> str:
        return f"{self._found:08x}"


def json_line(fields: Mapping[str, Any], default: Callable[[Any], Any] | None = None) -> bytes:
    """Return a line of JSON behind its own checksum."""
    body = json.dumps(fields, default=default, allow_nan=False).encode()
    return f"{checksum(body)} ".encode() + body + b"\n"


def parsed_line(line: bytes) -> dict[str, Any] | None:
    """Return what `json_line` made a line of; None if it was not written to its end, or changed."""
    said, _, body = line.partition(b" ")
    if not line.endswith(b"\n") or said != checksum(body[:-1]).encode():
        return None
    fields: dict[str, Any] = json.loads(body)
    return fields


def json_document(fields: Mapping[str, Any], default: Callable[[Any], Any] | None = None) -> bytes:
    """Return JSON that starts with the checksum of all that comes after it."""
    body = json.dumps(fields, indent=1, default=default, allow_nan=False).encode()[1:]
    return _seal(body) + body


def json_record(fields: Mapping[str, Any]) -> bytes:
    """Return the same on one line, without its end."""
    body = json.dumps(fields, allow_nan=False).encode()[1:]
    return _seal(body, "") + body


def parsed_document(content: bytes, unchecked: Collection[int | None] = ()) -> dict[str, Any]:
    """Return what `json_document` or `json_record` made JSON of, or raise a ValueError.

    Documents of some formats, or of none, need have no checksum.
    """
    try:
        fields = json.loads(content, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(fields, dict):
        raise ValueError("it holds no names")
    gap = _GAP if content.startswith(b"{\n") else ""
    seal = len(_seal(b"", gap))
    if content[:seal] == _seal(content[seal:], gap):
        del fields["checksum"]
    elif "checksum" in fields or fields.get("format") not in unchecked:
        raise ValueError("it does not have the checksum it was written with")
    return fields


_GAP = "\n "


def _seal(body: bytes, gap: str = _GAP) -> bytes:
    return f'{{{gap}"checksum": "{checksum(body)}",{"" if gap else " "}'.encode()


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


# Contents told by a name


def digest(parts: Iterable[bytes]) -> str:
    """Return the SHA-256 of some byte strings; where one ends and the next begins counts too."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "little"))
        total.update(part)
    return total.hexdigest()


def digest_files(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files below a folder with their names.

    Compiled Python is left out: it comes and goes without a change.
    """
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    kept = [file for file in files if "__pycache__" not in file.parts]
    return digest(part for file in kept for part in (file.relative_to(path).as_posix().encode(), file.read_bytes()))


def versions(*packages: str) -> str:
    """Return the versions of installed packages without importing them."""
    return " ".join(f"{package} {_version(package)}" for package in packages)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def fingerprint(*values: Any) -> str:
    """Return a short name of what arrays, texts and plain values hold: equal for equal contents."""
    total = hashlib.sha256()
    for value in values:
        _feed(total, value)
    return total.hexdigest()[:16]


_READABLE = "= "
_LONGEST = 60


def readable(value: Any) -> str:
    """Return what a plain value is, for `difference` to say, or the fingerprint of one that takes too long to say."""
    text = value if isinstance(value, str) else repr(value)
    return _READABLE + text if len(text) <= _LONGEST and text.isprintable() else fingerprint(value)


def difference(name: str, before: str, now: str) -> str:
    """Say what changed, with its values if these are readable."""
    if not (before.startswith(_READABLE) and now.startswith(_READABLE)):
        return name
    return f"{name} {before.removeprefix(_READABLE)} → {now.removeprefix(_READABLE)}"


def named(value: Any) -> Any:
    """Turn a setting into plain values that are the same in every process, as `repr` of a function is not."""
    if value is None or isinstance(value, (bool, int, float, str, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {str(key): named(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [named(part) for part in value]
    return _named_object(value, ())


def _named_object(value: Any, within: tuple[int, ...]) -> Any:
    """Name a function by its code, and another object by what it holds."""
    if id(value) in within:
        return "itself"
    if hasattr(value, "get_config") and not isinstance(value, type):
        return [type(value).__name__, named(_without_name(value.get_config()))]
    if hasattr(value, "__code__"):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        held = [_named_part(part, (*within, id(value))) for part in (*cells, value.__defaults__, value.__kwdefaults__)]
        return [f"{value.__module__}.{value.__qualname__}", _code(value.__code__), held]
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    parts = {name: _named_part(part, (*within, id(value))) for name, part in getattr(value, "__dict__", {}).items()}
    return [type(value).__name__, parts if parts or " at 0x" in repr(value) else repr(value)]


def _named_part(value: Any, within: tuple[int, ...]) -> Any:
    return _named_object(value, within) if hasattr(value, "__dict__") else named(value)


def _code(code: Any) -> Any:
    """Name compiled code; functions defined in it are among its constants."""
    constants = [_code(part) if hasattr(part, "co_code") else repr(part) for part in code.co_consts]
    return [hashlib.sha256(code.co_code).hexdigest()[:16], constants, list(code.co_names)]


def _without_name(config: Any) -> Any:
    """Leave out names, also in nested configurations: Keras numbers them through in a process."""
    if isinstance(config, Mapping):
        return {key: _without_name(part) for key, part in config.items() if key not in ("name", "registered_name")}
    return [_without_name(part) for part in config] if isinstance(config, (list, tuple)) else config


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        for key in value:
            _feed(digest, [str(key), value[key]])
    elif isinstance(value, (list, tuple)):
        digest.update(f"{len(value)}[".encode())
        for part in value:
            _feed(digest, part)
    elif isinstance(value, np.ndarray) and value.dtype.kind not in "OU":
        digest.update(f"{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).view(np.uint8).data if value.size else b"")
    elif isinstance(value, np.ndarray):
        _feed(digest, value.tolist())
    else:
        digest.update(f"{type(value).__name__}:{value!r};".encode())
