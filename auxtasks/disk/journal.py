"""The journal: what is finished and safe on the disk, one line each, by which an interrupted run goes on."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auxtasks.targets.state import plain

INPUT = "X"


class Journal:
    """What a run has finished.

    Each line is JSON behind its own checksum. A line that was not written to its end, as when the process was killed,
    is cut off with all that follows it: what it told of is then done again.

    Parameters
    ----------
    path : Path
        The file; it need not exist.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Journal(Path(folder, "j")).wrote(0, 5, {"X": "ab"})
    ...     Journal(Path(folder, "j")).known("X", 0)
    (5, 'ab')
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._blocks: dict[str, dict[int, tuple[int, str]]] = {}
        self.header: dict[str, Any] | None = None
        self.fitted: dict[str, Any] | None = None
        self.n: int | None = None
        self._whole = 0
        if path.exists():
            for line in path.read_bytes().splitlines(keepends=True):
                fields = _parsed(line)
                if fields is None:
                    break
                self._whole += len(line)
                self._take(fields)

    def repair(self) -> None:
        """Cut off what was not written to its end, so that lines can be added."""
        if self._path.exists() and self._path.stat().st_size > self._whole:
            os.truncate(self._path, self._whole)

    def begin(self, header: Mapping[str, Any]) -> None:
        """Write down what the run is made of."""
        self._add({"header": dict(header)})

    def wrote(self, start: int, stop: int, digests: Mapping[str, str]) -> None:
        """Write down that rows are on the disk, with the checksum of each file's block of them."""
        self._add({"rows": [start, stop], "of": dict(digests)})

    def fit(self, state: Mapping[str, Any], n: int) -> None:
        """Write down the fitted generator and the number of samples it was fitted on."""
        self._add({"fitted": dict(state), "n": n})

    def known(self, name: str, start: int) -> tuple[int, str] | None:
        """Return where the block of a file that starts at a row ends, and its checksum; None if it is not there."""
        return self._blocks.get(name, {}).get(start)

    def rows_of(self, name: str) -> int:
        """Return the end of the last block of a file."""
        return max((stop for stop, _ in self._blocks.get(name, {}).values()), default=0)

    def _add(self, fields: dict[str, Any]) -> None:
        body = json.dumps(fields, default=plain, allow_nan=False).encode()
        with self._path.open("ab") as file:
            file.write(b"%08x %s\n" % (zlib.crc32(body), body))
            file.flush()
            os.fsync(file.fileno())
        self._take(json.loads(body))

    def _take(self, fields: dict[str, Any]) -> None:
        if "header" in fields:
            self.header = fields["header"]
        elif "fitted" in fields:
            self.fitted, self.n = fields["fitted"], fields["n"]
        else:
            start, stop = fields["rows"]
            for name, digest in fields["of"].items():
                self._blocks.setdefault(name, {})[start] = (stop, digest)


def _parsed(line: bytes) -> dict[str, Any] | None:
    checksum, _, body = line.partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body[:-1]):
        return None
    fields: dict[str, Any] = json.loads(body)
    return fields
