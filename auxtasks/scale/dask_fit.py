"""Fitting on a collection of Dask: one pass over its partitions, two over those of texts."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Literal

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.documents import Documents, FittedTexts
from auxtasks.extractors.text.reading import read_texts, tagged, tokenize
from auxtasks.extractors.text.spans import NAMED, Annotations, Spans
from auxtasks.extractors.text.vocabularies import Vocabulary
from auxtasks.optional import require
from auxtasks.scale.dask_source import Partition, Source, bring, calls_on, layer, pieces, read_source
from auxtasks.targets.computing import Computed, compute_all
from auxtasks.targets.fitted import Fitted
from auxtasks.targets.samples import InBlocks, Ragged, block_rows
from auxtasks.targets.statistics import TargetStatistics, see
from auxtasks.targets.tasks import Task, fit_names
from auxtasks.teacher.teaching import Teacher
from auxtasks.typing import Array


def fit_lazily(
    params: Mapping[str, Any], X: object, label_columns: Mapping[str, object] | None, y: object = None, *, keep: bool
) -> tuple[Fitted, Source, Kept | None]:
    """Fit on a collection of Dask, with the scheduler that is active; main labels are in memory.

    A worker computes the targets of a partition, collects what they tell (counts, means, sums of squared deviations,
    frequencies of classes, which columns are copies), and forgets them, unless asked to `keep` them where there is
    room; the parts are merged along a tree. Texts are gone through twice, because no target can be computed before the
    vocabulary, the longest text and the tagger's names are known; label columns and main labels take a count of the
    samples first where the collection does not tell it. Teachers are fitted here, on the samples that are drawn, which
    are computed for it.
    """
    draft = Fitted.begun(params, label_columns, y)
    source = read_source(X, draft)
    columns = bring(label_columns, draft.domain)
    if columns or draft.teaches(y):
        source = source.counted()
    n = sum(source.rows or ())
    draft = draft.with_label_columns(columns, n)
    course = draft.course(y, n, n * (1 + len(draft.adding)))
    draft = draft.for_course(course)
    told_of = pieces(source, columns)
    if draft.domain == "text":
        draft = _with_texts(draft, source, told_of)
    kept = kept_on_workers(source, draft, told_of) if keep and course is None else None
    see_it, parts = (see_part, source.blocks) if kept is None else (see_computed, kept.parts)
    told: PartitionFit = _reduced(see_it, parts, told_of, draft)
    if not told.row_shape:
        raise InvalidInputError("`X` holds no samples: all of its partitions are empty.")
    length = told.row_shape[0] if told.ragged else None
    of_samples: dict[str, Any] = {"row_shape": told.row_shape, "channel_added": told.add_channel, "length": length}
    source = source.with_rows([told.rows[number] for number in range(len(source.blocks))])
    teachers: list[Teacher] = []
    if course is not None:
        reader = replace(draft, **of_samples)
        drawn = reader.read(source.some(course.drawn))
        teachers = draft.taught_by(course, drawn, _Everything(source, reader))
    return draft.learned(told.seen, told.compute, teachers, **of_samples), source, kept


@dataclass(frozen=True, eq=False)
class _Everything:
    """All samples, in the blocks in which a teacher is asked about them; partitions are computed one by one."""

    source: Source
    reader: Fitted

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        for rows, partition in zip(self.source.slices(), self.source.blocks, strict=True):
            if rows.stop > rows.start:
                samples = self.reader.read(partition.compute())
                yield from InBlocks(samples, block_rows(samples), rows.start)


def _with_texts(draft: Fitted, source: Source, told_of: Sequence[Partition]) -> Fitted:
    """Decide the vocabulary, the number of steps and the names of classes, in a first pass."""
    check_names_merge(draft.tasks)
    # The words that are classes are counted anyway; only names of a tagger ask for tagging in this pass already.
    needs = frozenset(column for task in draft.tasks if task.extractor.fit is not None for column in task.needs)
    found: Words = _reduced(see_words, source.blocks, told_of, draft, needs)
    texts = fit_texts(found, draft.params["max_tokens"])
    return replace(draft, texts=texts, tasks=fit_names(draft.tasks, stand_in(found, texts)))


def _reduced(see: Callable[..., Any], blocks: Sequence[Any], told_of: Sequence[Partition], *arguments: Any) -> Any:
    """Merge what a function tells of each partition, along a tree."""
    calls = calls_on(see, blocks, told_of, *arguments)
    level = range(len(calls))
    while len(level) > 1:
        start = len(calls)
        calls += [(_merge, level[at : at + SPLIT_EVERY]) for at in range(0, len(level), SPLIT_EVERY)]
        level = range(start, len(calls))
    return layer(see.__name__, calls)[level[0]].compute()


# What is computed of a partition, and kept on the workers of a cluster


@dataclass(frozen=True, eq=False)
class PartitionTargets:
    """What was computed of a partition, and what is known of its samples."""

    targets: Computed
    told: PartitionFit  # nothing of the targets yet


def compute_part(block: Any, piece: Partition, draft: Fitted) -> PartitionTargets | None:
    if not len(block):
        return None
    own = piece.own(draft)
    with piece.named():
        samples = own.read(block)
        columns = own.encoded(piece.label_columns, samples.n)
        samples = own.tagged(samples)
        computed = compute_all(samples, own.tasks, columns, own.settings)
    looks = samples.row_shape, samples.compute, isinstance(samples, Ragged), getattr(samples, "add_channel", False)
    return PartitionTargets(computed, PartitionFit({piece.number: samples.n}, draft.domain, {}, *looks, piece.place))


def compute_targets(block: Any, piece: Partition, draft: Fitted) -> PartitionTargets | None:
    """Compute the same without the inputs, which the model reads as they are."""
    part = compute_part(block, piece, draft)
    return part and replace(part, targets=replace(part.targets, inputs=np.empty(0)))


class Kept:
    """What the workers of a cluster hold, for as long as this object is there; another process has nothing of it."""

    def __init__(self, client: Any, parts: tuple[Any, ...]) -> None:
        self.client = client
        self.parts = parts  # delayed objects of `PartitionTargets`

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()

    @property
    def is_there(self) -> bool:
        return _cluster() is self.client


SHARE = 0.05
"""Inputs of at most this share of all workers' memory have targets that are kept; others are computed twice."""


def kept_on_workers(source: Source, draft: Fitted, told_of: Sequence[Partition]) -> Kept | None:
    """Begin to compute the targets of all partitions on a cluster with room for them, and keep them there."""
    # Copies and shortened inputs would be kept too.
    if source.array is None or source.rows is None or draft.adding or draft.changes_inputs:
        return None
    client = _cluster()
    if client is None or source.array.nbytes > SHARE * _memory(client):
        return None
    calls = calls_on(compute_targets, source.blocks, told_of, draft)
    return Kept(client, tuple(client.persist(layer("compute", calls))))


def _cluster() -> Any:
    distributed = sys.modules.get("distributed")
    scheduler = require("dask", extra="dask").config.get("scheduler", None)
    if distributed is None or scheduler not in (None, "distributed", "dask.distributed"):
        return None
    try:
        client = distributed.default_client()
    except ValueError:
        return None
    return client if client.status == "running" and not client.asynchronous else None


def _memory(client: Any) -> int:
    """Return the bytes that workers may take, as far as they are told; some have no limit, and count as having none."""
    return sum(worker["memory_limit"] or 0 for worker in client.scheduler_info()["workers"].values())


# What partitions tell of their targets

_SINGLE: np.dtype[np.floating[Any]] = np.dtype(np.float32)


@dataclass(frozen=True)
class PartitionFit:
    """What some partitions tell; where they have no samples, their numbers alone."""

    rows: Mapping[int, int]  # the number of samples of each partition
    domain: str
    seen: Mapping[str, TargetStatistics] = field(default_factory=dict)  # by target
    row_shape: tuple[int, ...] = ()  # of one sample before any task shortens it; of series that of the longest
    compute: np.dtype[np.floating[Any]] = _SINGLE
    ragged: bool = False
    add_channel: bool = False  # they have no channel axis
    place: str = ""  # how errors call the first partition that has samples

    def merged(self, other: PartitionFit) -> PartitionFit:
        rows = {**self.rows, **other.rows}
        if not self.row_shape or not other.row_shape:
            return replace(self if self.row_shape else other, rows=rows)
        free = 1 if self.domain == "signal" else 0
        if self.row_shape[free:] != other.row_shape[free:] or self.add_channel != other.add_channel:
            raise InvalidInputError(
                f"{other.place} has samples of shape {other.row_shape}, and {self.place} of {self.row_shape} (channels "
                "last); bring the samples to the same shape first."
            )
        return replace(
            self,
            rows=rows,
            seen={name: _merged(name, one, other.seen[name]) for name, one in self.seen.items()},
            row_shape=max(self.row_shape, other.row_shape),
            compute=np.promote_types(self.compute, other.compute),
            ragged=self.ragged or other.ragged or self.row_shape != other.row_shape,
        )


def see_part(block: Any, piece: Partition, draft: Fitted) -> PartitionFit:
    """Compute the unscaled targets of a partition, and keep only what they tell."""
    return see_computed(compute_part(block, piece, draft), piece, draft)


def see_computed(part: PartitionTargets | None, piece: Partition, draft: Fitted) -> PartitionFit:
    if part is None:
        return PartitionFit({piece.number: 0}, draft.domain)
    with piece.named():
        targets = part.targets.targets
        seen = {task.name: see(task, targets[task.name], scale=draft.settings.scale) for task in draft.named}
    return replace(part.told, seen=seen)


def _merged(name: str, one: TargetStatistics, other: TargetStatistics) -> TargetStatistics:
    try:
        return one.merged(other)
    except InvalidInputError as error:
        raise InvalidInputError(f"task {name!r}: {error}") from error


SPLIT_EVERY = 8
"""How many are merged at once, as in Dask's own reductions."""


def _merge(parts: Sequence[Any]) -> Any:
    return reduce(lambda one, other: one.merged(other), parts)


# What partitions tell of their words


@dataclass(frozen=True)
class Words:
    """What texts tell of their words."""

    words: Counter[str]  # how often each word occurs
    within: Counter[str]  # how often among the tokens that the model reads
    numbers: Counter[int]  # the same by number, where the tokenizer numbers words itself
    lengths: Counter[int]  # how many texts have so many tokens
    names: Mapping[str, frozenset[str]]  # those that the tagger uses, by column
    brings: tuple[Vocabulary | None, int | None] | None  # the tokenizer's own vocabulary and length

    def merged(self, other: Words) -> Words:
        columns = self.names.keys() | other.names.keys()
        none: frozenset[str] = frozenset()
        return Words(
            self.words + other.words,
            self.within + other.within,
            self.numbers + other.numbers,
            self.lengths + other.lengths,
            {name: self.names.get(name, none) | other.names.get(name, none) for name in columns},
            self.brings or other.brings,
        )


def see_words(block: Any, piece: Partition, draft: Fitted, needs: frozenset[str]) -> Words:
    """Cut the texts of a partition into tokens and count these; tag them where a tagger's names are classes."""
    if not len(block):
        return Words(Counter(), Counter(), Counter(), Counter(), {}, None)
    settings = piece.own(draft).text_settings
    with piece.named():
        corpus = read_texts(block)
        tokens, vocabulary, length = tokenize(corpus, settings)
        read = tokens.spans.step < (tokens.spans.counts.max() if length is None else length)
        names: dict[str, frozenset[str]] = {}
        if needs:
            ids = np.zeros(len(tokens.spans.starts), np.int32)
            texts = Documents(
                corpus.texts, tokens.spans, ids, FittedTexts(Vocabulary(()), length or 1), given=corpus.given
            )
            said = tagged(texts, settings, needs, training=False).said
            names = {name: _names(said, name) for name in needs}
    lengths = Counter(tokens.spans.counts.tolist())
    if tokens.ids is not None:
        numbers = Counter(tokens.ids[read].tolist())
        return Words(Counter(), Counter(), numbers, lengths, names, (vocabulary, length))
    within = [word for word, in_it in zip(tokens.words, read.tolist(), strict=True) if in_it]
    return Words(Counter(tokens.words), Counter(within), Counter(), lengths, names, (vocabulary, length))


def _names(said: Annotations, column: str) -> frozenset[str]:
    """Return what occurs in a column; of runs, whether there is any."""
    if column in NAMED:
        return frozenset(said.found(column))
    return frozenset({"any"} if (said.columns[column] >= 0).any() else ())


_MANY, _PADDED = 100_000_000, 0.1
"""So many steps, of which so few are tokens, are refused, as in memory."""


def fit_texts(found: Words, max_tokens: int | None) -> FittedTexts:
    if not any(found.lengths):
        raise InvalidInputError("`X`: no text has a token, so there is nothing to learn from; check the texts.")
    vocabulary, length = found.brings or (None, None)
    words: Literal["learned", "known"] = "known" if vocabulary is not None else "learned"
    if vocabulary is None:
        vocabulary = Vocabulary.fit(found.words, max_tokens)  # counts are taken as they are
    if length is None:
        length = max(found.lengths)
        n, used = sum(found.lengths.values()), sum(many * times for many, times in found.lengths.items())
        if length * n > _MANY and used < _PADDED * length * n:
            raise InvalidInputError(
                f"`X`: the longest text has {length} tokens, and a text {used / n:.1f} on average, so that "
                f"{1 - used / (length * n):.0%} of {length * n:,} steps would be padding. Pass a `max_length` to cut "
                "the longest texts."
            )
    return FittedTexts(vocabulary, length, words)


def stand_in(found: Words, fitted: FittedTexts) -> Documents:
    """Make a few texts of which tasks learn the same classes as of all."""
    counts = np.zeros(len(fitted.vocabulary.words), np.int64)
    if found.numbers:
        known = [(number, times) for number, times in found.numbers.items() if 0 <= number < len(counts)]
        counts[[number for number, _ in known]] = [times for _, times in known]
    else:
        words = list(found.within)
        np.add.at(counts, fitted.vocabulary.ids(words), [found.within[word] for word in words])
    present = np.unique(counts[counts > 0])
    ids = np.repeat(np.arange(len(counts), dtype=np.int32), np.searchsorted(present, counts, side="right"))
    said = _said({name: tuple(sorted(names)) for name, names in found.names.items()})
    # One token a text, so that none lies beyond the steps of the model.
    return Documents([""] * len(ids), _single(len(ids)), ids, fitted, annotations=said)


def check_names_merge(tasks: Sequence[Task]) -> None:
    """Refuse tasks that learn their classes in a way that parts of the texts cannot tell."""
    for task in tasks:
        fit = task.extractor.fit
        if fit is not None and not fit.__module__.startswith("auxtasks.extractors.text."):
            raise InvalidInputError(
                f"`tasks`: {task.name!r} learns its classes from all training texts at once, which is not possible "
                "partition by partition. Fit a generator on a part of the texts that fits in memory, and `transform` "
                "the collection with it."
            )


def _said(names: Mapping[str, tuple[str, ...]]) -> Annotations:
    most = max(map(len, names.values()), default=0)
    columns = {name: np.arange(most, dtype=np.int32) for name in names}
    for name, column in columns.items():
        column[len(names[name]) :] = -1
    return Annotations(_single(most), columns, {name: names[name] for name in names if name in NAMED})


def _single(n: int) -> Spans:
    nothing: Array = np.zeros(n, np.int32)
    return Spans(np.ones(n, np.int64), nothing, nothing)
