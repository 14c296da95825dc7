"""Which components of a spaCy pipeline have to run for what is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.spans import Annotations, Spans
from auxtasks.extractors.text.taggers.base import number_runs
from auxtasks.extractors.text.taggers.tag_sets import UNIVERSAL
from auxtasks.optional import require
from auxtasks.typing import Array


@dataclass(frozen=True)
class Fact:
    """Something that components find out: what they declare for it, its name, and the usual components."""

    attributes: frozenset[str]
    read: tuple[str, ...]  # the attributes of tokens; where the first is 0 for every token, nobody filled it
    what: str
    usual: str


_POS = Fact(
    frozenset({"token.pos"}),
    ("POS",),
    "universal parts of speech (`token.pos`)",
    "a 'morphologizer', or a 'tagger' and an 'attribute_ruler'",
)
_TAG = Fact(frozenset({"token.tag"}), ("TAG",), "tags (`token.tag`)", "a 'tagger'")
_PARSE = Fact(frozenset({"token.dep", "token.head"}), ("DEP", "HEAD"), "dependencies (`token.dep`)", "a 'parser'")
_ENTITIES = Fact(
    frozenset({"doc.ents", "token.ent_type", "token.ent_iob"}),
    ("ENT_IOB", "ENT_TYPE"),
    "entities (`doc.ents`)",
    "an 'ner'",
)

FACTS: Mapping[str, tuple[Fact, ...]] = {
    "pos": (_POS,),
    "tag": (_TAG,),
    "dependency": (_PARSE,),
    "head": (_PARSE,),
    "depth": (_PARSE,),
    "entity": (_ENTITIES,),
    "entity_run": (_ENTITIES,),
    "entity_any_run": (_ENTITIES,),
    "chunk_run": (_PARSE, _POS),
}
"""What each column is made of."""

# These declare nothing, and give nothing of what is asked for here.
_GIVE_NOTHING = {"merge_entities", "merge_noun_chunks", "merge_subtokens", "token_splitter", "doc_cleaner"}


def components_for(nlp: Any, needs: frozenset[str]) -> list[str]:
    """Return the components that have to run, in the order of the pipeline."""
    declared = {name: declares(nlp, name) for name in nlp.pipe_names}
    wanted = {attribute for need in needs for fact in FACTS[need] for attribute in fact.attributes}
    running = {name for name, (gives, _) in declared.items() if gives is None}
    grew = True
    while grew:
        wanted.update(*(declared[name][1] for name in running))
        more = {name for name, (gives, _) in declared.items() if gives and gives & wanted} - running
        running |= more
        grew = bool(more)
    given = {attribute for name in running for attribute in declared[name][0] or ()}
    if not any(nlp.get_pipe_meta(name).factory not in _GIVE_NOTHING and declared[name][0] is None for name in running):
        for need in sorted(needs):
            _check_given(nlp, need, given)
    if "chunk_run" in needs and nlp.vocab.get_noun_chunks is None:
        raise InvalidInputError(
            f"`tagger_model`: spaCy has no rule for base noun phrases in the language {nlp.lang!r} of "
            f"{_described(nlp)}, which `chunk_run` needs; leave out the tasks that need them."
        )
    for name in nlp.pipe_names:
        if running.intersection(getattr(nlp.get_pipe(name), "listening_components", ())):
            running.add(name)
    return [name for name in nlp.pipe_names if name in running]


def check_filled(nlp: Any, needs: frozenset[str], parts: Sequence[TaggedBatch]) -> None:
    """Refuse a pipeline that ran and left what is needed empty."""
    filled = frozenset[str]().union(*(part.filled for part in parts))
    for need in sorted(needs):
        if FACTS[need][0].read[0] not in filled and any(part.words for part in parts):
            raise _refused(nlp, need, FACTS[need][0], "ran and gave no token any")


def _refused(nlp: Any, need: str, fact: Fact, why: str) -> InvalidInputError:
    off = f" It has disabled {_listed(nlp.disabled)}; `nlp.enable_pipe(name)` enables one." if nlp.disabled else ""
    return InvalidInputError(
        f"`tagger_model`: {_described(nlp)} {why} {fact.what}, which `{need}` needs; its components are "
        f"{_listed(nlp.pipe_names)}.{off} Use a pipeline with {fact.usual}, or leave out the tasks that need this."
    )


def _check_given(nlp: Any, need: str, given: set[str]) -> None:
    for fact in FACTS[need]:
        if not fact.attributes & given:
            raise _refused(nlp, need, fact, "has no component that gives")


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _described(nlp: Any) -> str:
    return repr(f"{nlp.lang}_{nlp.meta['name']}")


_RULER_ATTRIBUTES = {
    "POS": "token.pos",
    "TAG": "token.tag",
    "DEP": "token.dep",
    "ENT_TYPE": "doc.ents",
    "MORPH": "token.morph",
    "LEMMA": "token.lemma",
}


def declares(nlp: Any, name: str) -> tuple[frozenset[str] | None, frozenset[str]]:
    """Return the attributes that a component gives and reads."""
    meta, component = nlp.get_pipe_meta(name), nlp.get_pipe(name)
    if meta.factory == "attribute_ruler":
        # It declares nothing, but its rules say what they read and write.
        rules = component.patterns
        reads = (key for rule in rules for pattern in rule["patterns"] for token in pattern for key in token)
        return _attributes(key for rule in rules for key in rule["attrs"]), _attributes(reads)
    entities = {"doc.ents"} if getattr(component, "annotate_ents", False) else set()
    return frozenset(entities.union(meta.assigns)) or None, frozenset(meta.requires)


def _attributes(keys: Iterable[str | int]) -> frozenset[str]:
    # A rule may have an attribute by its name, in any case, or by its number.
    numbered = {number: name for name, number in require("spacy.attrs", extra="text").IDS.items()}
    names = {numbered.get(key, "") if isinstance(key, int) else key.upper() for key in keys}
    return frozenset(_RULER_ATTRIBUTES[name] for name in names & _RULER_ATTRIBUTES.keys())


_NAMES = {"pos": "POS", "tag": "TAG", "dependency": "DEP", "entity": "ENT_TYPE"}
"""The attribute that holds the names of a named column."""


@dataclass(frozen=True)
class TaggedBatch:
    """What is said of some texts; the attributes of tokens that are no whitespace, and whether there are such."""

    said: Annotations
    filled: frozenset[str]
    words: bool


def read_docs(docs: Sequence[Any], needs: frozenset[str]) -> TaggedBatch:
    """Read columns from tagged documents."""
    asked = {name for need in needs for fact in FACTS[need] for name in fact.read}
    attributes = ["IDX", "LENGTH", "IS_SPACE", *sorted(asked)]
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
    for need in sorted(needs & _NAMES.keys()):
        values = np.where(visible, read[_NAMES[need]], 0)
        columns[need], names[need] = _pos(values, strings) if need == "pos" else _named(values, strings)
    if needs & {"head", "depth"}:
        places = _places(read, visible, spans)
        columns.update({need: column for need, column in places.items() if need in needs})
    if runs := needs & {"entity_run", "entity_any_run"}:
        columns.update(dict.fromkeys(runs, _entity_run(read, visible, spans)))
    if "chunk_run" in needs:
        columns["chunk_run"] = _chunk_run(docs, visible, spans)
    filled = frozenset(name for name in attributes if read[name][visible].any())
    return TaggedBatch(Annotations(spans, columns, names), filled, bool(visible.any()))


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
