"""Annotations on disk, so that the same texts are tagged once."""

from __future__ import annotations

import io
import json
import os
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.errors import AuxTasksWarning, StorageError
from auxtasks.extractors.text.spans import Annotations, Spans
from auxtasks.extractors.text.taggers.base import Backend, Corpus
from auxtasks.files import digest, written_as_a_whole

FORMAT = 1
# What the readers of zip files, arrays and JSON say of bytes that are none.
_DAMAGE = (OSError, EOFError, ValueError, KeyError, AttributeError, RuntimeError, zipfile.BadZipFile, zlib.error)
_DTYPES = {"counts": np.int64, "starts": np.int32, "ends": np.int32}


def cached(backend: Backend, corpus: Corpus, needs: frozenset[str], folder: Path | None) -> Annotations:
    """Tag texts, or return what was said of them before.

    Files hold arrays and JSON, no pickled objects. They are written under another name and then moved to their place,
    so that several processes may share the folder; they may be read by whom other new files may. Nothing is ever
    deleted.

    What was said of training texts serves for others too, but not the other way round: only for training texts is
    a tagger refused that says nothing, and nothing that was refused is kept.
    """
    if folder is None:
        return backend.annotate(corpus, needs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"`cache`: {folder} cannot be made ({error}); choose another folder.") from error
    key = digest(_key(corpus, backend.fingerprint(needs), needs))
    paths = [folder / f"{key}.npz", *([] if corpus.training else [folder / f"{key}-unchecked.npz"])]
    for path in paths:
        found = _read(path, len(corpus.texts), needs)
        if found is not None:
            return found
    said = backend.annotate(corpus, needs)
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


def _read(path: Path, n: int, needs: frozenset[str]) -> Annotations | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        wrong = f"cannot be read ({error})"
    else:
        try:
            return _parsed(content, n, needs)
        except _DAMAGE as error:
            wrong = f"is damaged ({error})"
    warnings.warn(f"`cache`: {path} {wrong}; the texts are tagged again.", AuxTasksWarning, stacklevel=3)
    return None


def _parsed(content: bytes, n: int, needs: frozenset[str]) -> Annotations:
    # Not the path: NumPy leaves a file open that it finds damaged.
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    names = {column: tuple(found) for column, found in json.loads(arrays.pop("names").tobytes()).items()}
    spans = Spans(*(arrays.pop(name) for name in _DTYPES))
    sizes = {len(spans.starts), len(spans.ends), int(spans.counts.sum()), *map(len, arrays.values())}
    if spans.n != n or len(sizes) != 1 or set(arrays) != needs:
        raise ValueError("its parts do not fit together")
    return Annotations(spans, arrays, names)


def _write(path: Path, said: Annotations) -> None:
    names = np.frombuffer(json.dumps(said.names).encode(), np.uint8)
    arrays: dict[str, Any] = {**said.columns, **{name: getattr(said.spans, name) for name in _DTYPES}}
    try:
        with written_as_a_whole(path) as new, new.open("xb") as file:
            np.savez(file, names=names, **arrays)
    except OSError as error:
        # Another process may have written the same meanwhile, and may still read it.
        if not os.access(path, os.R_OK):
            text = f"`cache`: {path} cannot be written ({error}); the annotations are not kept."
            warnings.warn(text, AuxTasksWarning, stacklevel=3)
