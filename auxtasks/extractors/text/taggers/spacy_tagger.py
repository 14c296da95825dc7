"""Tagging with spaCy: in batches, in one process or several, and what is read from the tagged documents."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from auxtasks.checksums import versions
from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.spans import NAMED, Annotations, Spans, words_of
from auxtasks.extractors.text.taggers.base import UNIVERSAL, Corpus, number_runs
from auxtasks.extractors.text.taggers.spacy_pipeline import FACTS, Source, SpacyModel, components_for, refused
from auxtasks.optional import require, shown
from auxtasks.typing import Array
from auxtasks.validation import check_int, check_processes


class SpacyTagger:
    """Tags texts with a spaCy pipeline, which is loaded when the first text is tagged; a loaded one is left as it is.

    Only the components run that what is needed depends on, as they declare it; one that declares nothing always runs.
    Tokens of nothing but whitespace have nothing to say. The result does not depend on the number of processes; each
    loads the pipeline, so that more than one pays from some thousand texts on.
    """

    def __init__(
        self, pipeline: Source | None, *, batch_size: int = 1000, n_jobs: int = 1, progress: bool = False
    ) -> None:
        self._model = SpacyModel(pipeline)
        self._batch_size = check_int("batch_size", batch_size, low=1)
        self._n_jobs = check_processes("n_jobs", n_jobs)
        self._progress = progress

    def annotate(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
        nlp, key = self._model.load()
        components = components_for(nlp, needs)
        _check_lengths(nlp, corpus)
        work = Work(tuple(components), needs, tuple(sorted(set(nlp.component_names) - set(components))))
        batches = batches_of(corpus, self._batch_size)
        parts = list(shown(self._parts(nlp, key, work, batches), len(batches), self._progress))
        if corpus.training:
            _check_filled(nlp, needs, parts)
        return join([part.said for part in parts], needs)

    def fingerprint(self, needs: frozenset[str]) -> str:
        batches = f"batches {self._batch_size} {CHARACTERS}"
        return f"{versions('spacy', 'thinc', 'spacy-legacy')} {batches} pipeline {self._model.state(needs)}"

    def _parts(self, nlp: Any, key: str, work: Work, batches: Sequence[Corpus]) -> Iterator[TaggedBatch]:
        if self._n_jobs == 1 or len(batches) < 2:
            yield from (_tag_batch(nlp, work, batch) for batch in batches)
            return
        joblib = require("joblib", extra="text")
        # The fresh processes of loky, because forked ones may hang once TensorFlow runs threads. Each is held to its
        # share of the processors by loky itself. Only texts go to the processes, and only arrays come back.
        n_jobs = min(self._n_jobs, len(batches))
        parallel = joblib.Parallel(n_jobs=n_jobs, backend="loky", return_as="generator", batch_size=1, max_nbytes=None)
        with tempfile.TemporaryDirectory(prefix="auxtasks-") as folder:
            source = self._model.source()
            if source is None:
                _check_saves(nlp)
                nlp.to_disk(folder)
            there = joblib.delayed(_tag_there)
            yield from parallel(there(source or folder, nlp.max_length, key, work, batch) for batch in batches)


def _check_lengths(nlp: Any, corpus: Corpus) -> None:
    # Given tokens do not pass the tokenizer, which is what has the limit.
    lengths = [] if corpus.given is not None else map(len, corpus.texts)
    for at, length in enumerate(lengths):
        if length > nlp.max_length:
            raise InvalidInputError(
                f"`X[{at}]` has {length} characters, and `tagger_model` takes at most {nlp.max_length}, because "
                "parsing needs memory in proportion; split the text, or raise `nlp.max_length` of a loaded pipeline."
            )


def _check_saves(nlp: Any) -> None:
    """Refuse a loaded pipeline whose tokenizer would not be the same after saving and loading."""
    registry = require("spacy.util", extra="text").registry
    named = registry.resolve({"tokenizer": nlp.config["nlp"]["tokenizer"]})["tokenizer"](nlp)
    if type(named) is not type(nlp.tokenizer) or not hasattr(nlp.tokenizer, "to_disk"):
        raise InvalidInputError(
            f"`n_jobs`: the tokenizer of `tagger_model`, a {type(nlp.tokenizer).__name__}, is not the one its "
            f"settings name ({type(named).__name__}) or cannot be saved, so other processes would split texts "
            "differently; keep n_jobs=1, or register the tokenizer with spaCy and name it in the settings."
        )


class Work(NamedTuple):
    """The components that run, the columns, and the other components, which a process need not load."""

    components: tuple[str, ...]
    needs: frozenset[str]
    others: tuple[str, ...]


def _tag_batch(nlp: Any, work: Work, batch: Corpus) -> TaggedBatch:
    docs = batch.texts if batch.given is None else _given_docs(nlp, batch.texts, batch.given)
    with nlp.select_pipes(enable=list(work.components)):
        tagged = list(nlp.pipe(docs, batch_size=max(1, len(docs))))
    part = read_docs(tagged, work.needs)
    if batch.given is not None and (part.said.spans.counts != batch.given.counts).any():
        raise InvalidInputError(
            "`tagger_model`: a component merges or splits tokens, so its labels would not match the given tokens; "
            f"disable it. The components that ran are {', '.join(map(repr, work.components))}."
        )
    return part


# The pipeline of a worker process, by its key and what was left out of it; kept for the next call with the same key.
_held: dict[tuple[str, tuple[str, ...]], Any] = {}


def _tag_there(source: str, max_length: int, key: str, work: Work, batch: Corpus) -> TaggedBatch:
    held = (key, work.others)
    if held not in _held:
        # One only: a pipeline may take as much memory as the rest of the process.
        _held.clear()
        try:
            _held[held] = require("spacy", extra="text").load(source, exclude=list(work.others))
        except ValueError as error:
            raise InvalidInputError(
                "`n_jobs`: the pipeline cannot be loaded in another process. Install the code of its own components "
                f"as a package with spaCy's entry points, or keep n_jobs=1. spaCy reports: {error}"
            ) from error
        _held[held].max_length = max_length
    return _tag_batch(_held[held], work, batch)


def _given_docs(nlp: Any, texts: Sequence[str], given: Spans) -> list[Any]:
    doc = require("spacy.tokens", extra="text").Doc
    return [
        doc(nlp.vocab, words=words, spaces=[True] * (len(words) - 1) + [False] * bool(words))
        for words in words_of(texts, given)
    ]


# Batches

CHARACTERS = 200_000
"""Characters a batch holds at most, unless a single text has more: what a tagger takes grows with them."""


def batches_of(corpus: Corpus, size: int) -> list[Corpus]:
    begins: list[int] = []
    characters = 0
    for at, text in enumerate(corpus.texts):
        characters += len(text)
        if not begins or at - begins[-1] == size or characters > CHARACTERS:
            begins.append(at)
            characters = len(text)

    def batch(rows: slice) -> Corpus:
        given = None if corpus.given is None else corpus.given.take(rows)
        return replace(corpus, texts=list(corpus.texts[rows]), given=given)

    return [batch(slice(begin, end)) for begin, end in pairwise([*begins, len(corpus.texts)])]


def join(parts: Sequence[Annotations], needs: frozenset[str]) -> Annotations:
    """Lay annotations of consecutive texts end to end."""
    spans = Spans(
        _flat([part.spans.counts for part in parts], np.int64),
        _flat([part.spans.starts for part in parts], np.int32),
        _flat([part.spans.ends for part in parts], np.int32),
    )
    names = {column: tuple(sorted({name for part in parts for name in part.names[column]})) for column in needs & NAMED}
    columns = {column: _flat([part.codes(column, names[column]) for part in parts]) for column in sorted(needs & NAMED)}
    columns |= {column: _flat([part.columns[column] for part in parts]) for column in sorted(needs - NAMED)}
    return Annotations(spans, columns, names)


def _flat(arrays: list[Array], dtype: type[np.signedinteger] = np.int32) -> Array:
    return np.concatenate([np.empty(0, dtype), *arrays]).astype(dtype, copy=False)


# What is read

_NAMES = {"pos": "POS", "tag": "TAG", "dependency": "DEP", "entity": "ENT_TYPE"}
"""The attribute that holds the names of a named column."""


@dataclass(frozen=True)
class TaggedBatch:
    """What is said of some texts; the attributes of tokens that are no whitespace, and whether there are such."""

    said: Annotations
    filled: frozenset[str]
    words: bool


def read_docs(docs: Sequence[Any], needs: frozenset[str]) -> TaggedBatch:
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
    for need in sorted(needs & NAMED):
        columns[need], names[need] = _named(np.where(visible, read[_NAMES[need]], 0), strings)
    if "pos" in needs:
        # All 17, whichever occur; SPACE and what else spaCy knows is none of them.
        columns["pos"] = Annotations(spans, columns, names).codes("pos", UNIVERSAL)
        names["pos"] = UNIVERSAL
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
    """Return hashes as numbers of their sorted names, -1 for 0, and these names."""
    found, place = np.unique(values, return_inverse=True)
    name_of = {value: strings[value] for value in found.tolist() if value}
    names = tuple(sorted(name_of.values()))
    number = {value: names.index(name) for value, name in name_of.items()}
    return np.array([number.get(value, -1) for value in found.tolist()], np.int32)[place], names


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


def _check_filled(nlp: Any, needs: frozenset[str], parts: Sequence[TaggedBatch]) -> None:
    """Refuse a pipeline that ran and left what is needed empty."""
    filled = frozenset[str]().union(*(part.filled for part in parts))
    for need in sorted(needs):
        if FACTS[need][0].read[0] not in filled and any(part.words for part in parts):
            raise refused(nlp, need, FACTS[need][0], "ran and gave no token any")
