"""Annotations on disk, so that the same texts are tagged once."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.checksums import checksum, digest
from auxtasks.errors import StorageError, warn_user
from auxtasks.extractors.text.spans import NAMED, Annotations, Spans
from auxtasks.extractors.text.taggers.base import Corpus, Tagger
from auxtasks.files import UNREADABLE, left_by_killed, read_regular, written_as_a_whole

FORMAT = 2
_SEAL = 8
"""Each file ends in a checksum of so many characters."""
_DTYPES = {"counts": np.int64, "starts": np.int32, "ends": np.int32}


def cached(tagger: Tagger, corpus: Corpus, needs: frozenset[str], folder: Path | None) -> Annotations:
    """Tag texts, or return what was said of them before.

    Files hold arrays and JSON, no pickled objects, and a checksum. They are written under another name and then moved
    to their place, so that several processes may share the folder; they may be read by whom other new files may, and no
    link is followed. What is damaged, or is not what a tagger can say of these texts, is tagged again. Nothing is ever
    deleted.

    What was said of training texts serves for others too, but not the other way round: only for training texts is
    a tagger refused that says nothing, and nothing that was refused is kept.
    """
    if folder is None:
        return tagger.annotate(corpus, needs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"`cache`: {folder} cannot be created ({error}); choose another folder.") from error
    key = digest(_key(corpus, tagger.fingerprint(needs), needs))
    paths = [folder / f"{key}.npz", *([] if corpus.training else [folder / f"{key}-unchecked.npz"])]
    for path in paths:
        if (found := _read(path, corpus, needs)) is not None:
            return found
    said = tagger.annotate(corpus, needs)
    _write(paths[-1], said)
    return said


def _key(corpus: Corpus, fingerprint: str, needs: frozenset[str]) -> Iterator[bytes]:
    yield f"auxtasks {__version__} annotations {FORMAT} {sorted(needs)} {fingerprint}".encode()
    texts = [text.encode() for text in corpus.texts]
    # The lengths at once and the texts at once: faster than one after the other, and as clear where each text ends.
    yield np.fromiter(map(len, texts), "<i8", len(texts)).tobytes()
    yield b"".join(texts)
    if corpus.given is not None:
        for name, dtype in _DTYPES.items():
            yield np.asarray(getattr(corpus.given, name), np.dtype(dtype).newbyteorder("<")).tobytes()


def _read(path: Path, corpus: Corpus, needs: frozenset[str]) -> Annotations | None:
    try:
        content = read_regular(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        wrong = f"cannot be read ({error})"
    else:
        try:
            if content[-_SEAL:] != _seal(path, content[:-_SEAL]):
                raise ValueError("it does not have the checksum it was written with")
            return _parsed(content, corpus, needs)
        except UNREADABLE as error:
            wrong = f"is damaged ({error})"
    warn_user(f"`cache`: {path} {wrong}; the texts are tagged again.", stacklevel=3)
    return None


def _seal(path: Path, content: bytes) -> bytes:
    """Return a checksum that a file has under its own name alone."""
    return checksum(f"{path.name} {checksum(content)}".encode()).encode()


def _parsed(content: bytes, corpus: Corpus, needs: frozenset[str]) -> Annotations:
    # Not the path: NumPy leaves a file open that it finds damaged.
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    names = {column: tuple(found) for column, found in json.loads(arrays.pop("names").tobytes()).items()}
    spans = Spans(*(arrays.pop(name) for name in _DTYPES))
    parts = [spans.counts, spans.starts, spans.ends, *arrays.values()]
    if any(part.ndim != 1 or part.dtype.kind != "i" for part in parts) or (spans.counts < 0).any():
        raise ValueError("its parts are not lists of numbers")
    sizes = {int(spans.counts.sum()), *map(len, parts[1:])}
    if len(sizes) != 1 or set(arrays) != needs or set(names) != needs & NAMED:
        raise ValueError("its parts do not fit together")
    _check_codes(arrays, names)
    _check_spans(spans, corpus)
    return Annotations(spans, arrays, names)


def _check_codes(columns: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]) -> None:
    for column, found in names.items():
        if not all(isinstance(name, str) for name in found) or len(set(found)) < len(found):
            raise ValueError(f"the names of {column!r} are not distinct texts")
    for column, codes in columns.items():
        high = len(names[column]) if column in names else len(codes)
        # The head of a token may be before it.
        low = -high if column == "head" else -1
        if ((codes < low) | (codes >= high)).any():
            raise ValueError(f"{column!r} holds values out of range")


def _check_spans(spans: Spans, corpus: Corpus) -> None:
    """Refuse tokens that are outside their texts, or not one after the other."""
    if spans.n != len(corpus.texts):
        raise ValueError("it belongs to other texts")
    lengths = np.repeat([len(text) for text in corpus.texts], spans.counts)
    before = np.where(spans.step > 0, np.roll(spans.ends, 1), 0)
    if (before > spans.starts).any() or (spans.starts > spans.ends).any() or (spans.ends > lengths).any():
        raise ValueError("its tokens do not lie in the texts")


def _write(path: Path, said: Annotations) -> None:
    names = np.frombuffer(json.dumps(said.names).encode(), np.uint8)
    arrays: dict[str, Any] = {**said.columns, **{name: getattr(said.spans, name) for name in _DTYPES}}
    content = io.BytesIO()
    np.savez(content, names=names, **arrays)
    try:
        left_by_killed(path.parent, "*.npz")
        with written_as_a_whole(path, "cache") as new:
            new.write_bytes(content.getvalue() + _seal(path, content.getvalue()))
    except OSError as error:
        # Another process may have written the same meanwhile, and may still read it.
        if not os.access(path, os.R_OK):
            warn_user(f"{error} The annotations are not stored.", stacklevel=3)
