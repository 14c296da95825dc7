"""What spaCy's documents say, as arrays: one read of each document, then all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.text.annotations import NAMED, Annotations
from auxtasks.text.backends.joining import number_runs
from auxtasks.text.backends.universal import UNIVERSAL
from auxtasks.text.spans import Spans
from auxtasks.typing import Array

ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "pos": ("POS",),
    "tag": ("TAG",),
    "dependency": ("DEP",),
    "head": ("DEP", "HEAD"),
    "depth": ("DEP", "HEAD"),
    "entity": ("ENT_IOB", "ENT_TYPE"),
    "entity_run": ("ENT_IOB", "ENT_TYPE"),
    "entity_any_run": ("ENT_IOB", "ENT_TYPE"),
    "chunk_run": ("DEP",),
}
"""The attributes of tokens each column is made of; where the first is 0 for every token, nobody filled it."""


@dataclass(frozen=True)
class Part:
    """What is said of some texts.

    Parameters
    ----------
    said : Annotations
        The columns.
    filled : frozenset of str
        The attributes that a token has which is not whitespace.
    words : bool
        Whether there is a token that is not whitespace.
    """

    said: Annotations
    filled: frozenset[str]
    words: bool


def read_docs(docs: Sequence[Any], needs: frozenset[str]) -> Part:
    """Read columns from tagged documents.

    Parameters
    ----------
    docs : sequence of Doc
        The documents, all of one vocabulary.
    needs : frozenset of str
        The columns.

    Returns
    -------
    Part
        Tokens of nothing but whitespace are among the tokens and have nothing to say: -1, and 0 as `head`. Where a
        token has no dependency, `depth` is -1 and `head` is 0.
    """
    attributes = ["IDX", "LENGTH", "IS_SPACE", *sorted({name for need in needs for name in ATTRIBUTES[need]})]
    tables = [doc.to_array(attributes) for doc in docs]
    # Negative numbers come as their two's complement.
    flat = np.concatenate([np.empty((0, len(attributes)), np.uint64), *tables]).T
    read = {name: np.ascontiguousarray(row) for name, row in zip(attributes, flat, strict=True)}
    starts = read["IDX"].astype(np.int32)
    spans = Spans(np.fromiter(map(len, docs), np.int64, len(docs)), starts, starts + read["LENGTH"].astype(np.int32))
    visible = read["IS_SPACE"] == 0
    strings = docs[0].vocab.strings if docs else {}
    columns: dict[str, Array] = {}
    names: dict[str, tuple[str, ...]] = {}
    for need in sorted(needs & NAMED):
        values = np.where(visible, read[ATTRIBUTES[need][-1]], 0)
        columns[need], names[need] = _pos(values, strings) if need == "pos" else _named(values, strings)
    if needs & {"head", "depth"}:
        places = _places(read, visible, spans)
        columns.update({need: column for need, column in places.items() if need in needs})
    if runs := needs & {"entity_run", "entity_any_run"}:
        columns.update(dict.fromkeys(runs, _entity_run(read, visible, spans)))
    if "chunk_run" in needs:
        columns["chunk_run"] = _chunk_run(docs, visible, spans)
    filled = frozenset(name for name in attributes if read[name][visible].any())
    return Part(Annotations(spans, columns, names), filled, bool(visible.any()))


def _named(values: Array, strings: Any) -> tuple[Array, tuple[str, ...]]:
    said = values != 0
    found, codes = np.unique(values[said], return_inverse=True)
    names = [strings[int(value)] for value in found]
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), np.int32)
    rank[order] = np.arange(len(names))
    column = np.full(len(values), -1, np.int32)
    column[said] = rank[codes]
    return column, tuple(names[at] for at in order)


def _pos(values: Array, strings: Any) -> tuple[Array, tuple[str, ...]]:
    # All 17, whichever occur; SPACE and what else spaCy knows is none of them.
    column, names = _named(values, strings)
    return Annotations(Spans.of([]), {"pos": column}, {"pos": names}).codes("pos", UNIVERSAL), UNIVERSAL


def _places(read: Mapping[str, Array], visible: Array, spans: Spans) -> dict[str, Array]:
    head = read["HEAD"].astype(np.int64)
    said = visible & (read["DEP"] != 0)
    parent = np.arange(len(head)) + head
    depth = (head != 0).astype(np.int32)
    # After k rounds, `parent` is the ancestor 2^k steps up and `depth` counts the steps to it; so a tree of depth d
    # takes log2(d) of them.
    for _ in range(int(spans.counts.max(initial=0)).bit_length()):
        above = depth[parent]
        if not above.any():
            break
        depth = depth + above
        parent = parent[parent]
    return {"head": np.where(said, head, 0).astype(np.int32), "depth": np.where(said, depth, -1).astype(np.int32)}


def _entity_run(read: Mapping[str, Array], visible: Array, spans: Spans) -> Array:
    # Without a type, B says that no entity may be here. Whitespace inside an entity does not part it.
    inside = read["ENT_TYPE"] != 0
    before = np.concatenate([[False], inside[:-1]])
    before[spans.first[:-1][spans.counts > 0]] = False
    begins = inside & ((read["ENT_IOB"] == 3) | ~before)
    return number_runs(begins, inside & visible, spans)


def _chunk_run(docs: Sequence[Any], visible: Array, spans: Spans) -> Array:
    begins = np.zeros(len(visible), bool)
    inside = np.zeros(len(visible), np.int32)
    for doc, first in zip(docs, spans.first, strict=False):
        # spaCy refuses a document without dependencies, as one without tokens is.
        chunks = list(doc.noun_chunks) if doc.has_annotation("DEP") else []
        ranges = np.array([(chunk.start, chunk.end) for chunk in chunks], np.int64).reshape(-1, 2) + first
        begins[ranges[:, 0]] = True
        for begin, end in ranges:
            inside[begin:end] = 1
    return number_runs(begins, (inside != 0) & visible, spans)
