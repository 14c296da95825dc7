"""Checksums, and JSON that carries its own."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import Any, BinaryIO


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
