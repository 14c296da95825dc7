"""Tokens and where they lie in their texts, and what a tagger says of tokens: flat arrays for many texts at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from auxtasks.typing import Array


@dataclass(frozen=True)
class Spans:
    """The character ranges of the tokens of n texts, laid end to end.

    A token stands for the characters of its own text from its start to before its end. Both are 0 for a token that
    stands for none, such as a marker that a tokenizer adds.
    """

    counts: Array  # how many tokens each text has, (n,) int64
    starts: Array  # (sum of counts,) int32
    ends: Array

    @classmethod
    def of(cls, ranges: Iterable[Sequence[tuple[int, int]]]) -> Spans:
        """Make spans from a list of (start, end) pairs for each text."""
        rows = list(ranges)
        flat = np.array([pair for row in rows for pair in row], np.int32).reshape(-1, 2)
        counts = np.fromiter(map(len, rows), np.int64, len(rows))
        return cls(counts, np.ascontiguousarray(flat[:, 0]), np.ascontiguousarray(flat[:, 1]))

    @property
    def n(self) -> int:
        return len(self.counts)

    @cached_property
    def first(self) -> Array:
        """Where the tokens of each text begin in the flat arrays, shape (n + 1,); the last entry is their number."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    @cached_property
    def row(self) -> Array:
        """The text of every token, shape (sum of counts,)."""
        return np.repeat(np.arange(self.n), self.counts)

    @cached_property
    def step(self) -> Array:
        """The place of every token in its text, counted from 0, shape (sum of counts,)."""
        steps: Array = np.arange(len(self.starts)) - np.repeat(self.first[:-1], self.counts)
        return steps

    def take(self, rows: slice | Array) -> Spans:
        """Return the spans of some consecutive texts, as views, or of the texts of some numbers."""
        flat = self.flat(rows)
        return Spans(self.counts[rows], self.starts[flat], self.ends[flat])

    def flat(self, rows: slice | Array) -> slice | Array:
        """Where the tokens of these texts lie in the flat arrays."""
        if isinstance(rows, slice):
            begin, end, _ = rows.indices(self.n)
            return slice(int(self.first[begin]), int(self.first[end]))
        counts = self.counts[rows]
        found: Array = np.repeat(self.first[rows] - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        return found


@dataclass(frozen=True)
class Tokens:
    """The model's tokens of n texts, as every tokenizer gives them."""

    spans: Spans  # where they lie in the text as the user gave it, whatever the tokenizer did to its characters
    words: list[str]  # as the model's vocabulary knows them (lower-cased, stripped, ...), flat
    ids: Array | None = None  # their numbers, int32 and flat, where the tokenizer numbers tokens itself


def words_of(texts: Sequence[str], spans: Spans) -> Iterator[list[str]]:
    starts, ends, first = spans.starts.tolist(), spans.ends.tolist(), spans.first.tolist()
    for text, begin, end in zip(texts, first[:-1], first[1:], strict=True):
        yield [text[starts[at] : ends[at]] for at in range(begin, end)]


COLUMNS: Mapping[str, str] = {
    "pos": "the universal part of speech",
    "tag": "the tagger's own part of speech",
    "dependency": "the relation to the head",
    "head": "the place of the head less the token's own, in the tagger's tokens; 0 for a root or none",
    "depth": "how many steps lead up to the root; -1 for a token that is in no tree",
    "entity": "the type of the entity the token is in, -1 outside",
    "entity_run": "which entity of the text, counted from 0; -1 outside",
    "entity_any_run": "the same where types do not matter, for which a tagger may have a model of its own",
    "chunk_run": "which base noun phrase of the text, counted from 0; -1 outside",
}
"""The columns a backend can be asked for. Those with names hold codes into these; -1 stands for nothing to say."""

NAMED: frozenset[str] = frozenset({"pos", "tag", "dependency", "entity"})


@dataclass(frozen=True)
class Annotations:
    """What a tagger says of n texts."""

    spans: Spans  # where the tagger's tokens lie; sorted and without overlap within a text
    columns: Mapping[str, Array]  # one int32 a token, by the names of `COLUMNS`
    names: Mapping[str, tuple[str, ...]]  # for the columns in `NAMED`, what the codes stand for

    def codes(self, column: str, classes: Sequence[str]) -> Array:
        """Return a named column as numbers of the given classes; -1 for what is none of them."""
        number = {name: at for at, name in enumerate(classes)}
        # One entry more, which a code of -1 finds as the last.
        table = np.array([number.get(name, -1) for name in self.names[column]] + [-1], np.int32)
        return table[self.columns[column]]

    def found(self, column: str) -> tuple[str, ...]:
        """Return the names that occur in a column, sorted."""
        codes = self.columns[column]
        return tuple(sorted(self.names[column][code] for code in np.unique(codes[codes >= 0])))

    def take(self, rows: slice) -> Annotations:
        """Return what is said of some consecutive texts, as views."""
        flat = self.spans.flat(rows)
        columns = {name: column[flat] for name, column in self.columns.items()}
        return Annotations(self.spans.take(rows), columns, self.names)


def align(tokens: Spans, tagged: Spans) -> Array:
    """Find the tagged token that each token takes its labels from.

    The rule: a token takes its labels from the tagged token that it shares most characters with, and of several that
    it shares equally many with, from the first. So the pieces of a tagged word all take the word's label, and a token
    that stands for several tagged ones ("don't" for "do" and "n't") takes that of the longest part.
    """
    # The texts are laid on one line, far enough apart that no range reaches into the next text.
    width = 1 + int(max(tokens.ends.max(initial=0), tagged.ends.max(initial=0)))
    starts, ends = _on_line(tokens, width)
    tagged_starts, tagged_ends = _on_line(tagged, width)
    first = np.searchsorted(tagged_ends, starts, side="right")
    beyond = np.searchsorted(tagged_starts, ends, side="left")
    owner: Array = np.where((beyond > first) & (ends > starts), first, -1)
    several = np.flatnonzero((owner >= 0) & (beyond > first + 1))
    if not several.size:
        return owner
    # The candidates of these tokens, end to end.
    counts = (beyond - first)[several]
    begins = np.cumsum(counts) - counts
    token = np.repeat(several, counts)
    candidate = np.arange(counts.sum()) + np.repeat(first[several] - begins, counts)
    share = np.minimum(ends[token], tagged_ends[candidate]) - np.maximum(starts[token], tagged_starts[candidate])
    largest = np.flatnonzero(share == np.repeat(np.maximum.reduceat(share, begins), counts))
    owner[several] = candidate[largest[np.searchsorted(largest, begins)]]
    return owner


def _on_line(spans: Spans, width: int) -> tuple[Array, Array]:
    base = np.repeat(np.arange(spans.n, dtype=np.int64) * width, spans.counts)
    return base + spans.starts, base + spans.ends
