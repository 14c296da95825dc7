"""Where tokens lie in their texts: flat arrays for many texts at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from auxtasks.typing import Array


@dataclass(frozen=True)
class Spans:
    """The character ranges of the tokens of n texts, laid end to end.

    Parameters
    ----------
    counts : ndarray of int64, shape (n,)
        How many tokens each text has.
    starts, ends : ndarray of int32, shape (sum of counts,)
        The characters of its own text that a token stands for, from ``starts`` to before ``ends``. Both are 0 for a
        token that stands for none, such as a marker that a tokenizer adds.

    Examples
    --------
    >>> spans = Spans.of([[(0, 2), (3, 5)], []])
    >>> spans.n, spans.first.tolist()
    (2, [0, 2, 2])
    """

    counts: Array
    starts: Array
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
        """How many texts there are."""
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

    def take(self, rows: slice) -> Spans:
        """Return the spans of some consecutive texts, as views."""
        flat = self.flat(rows)
        return Spans(self.counts[rows], self.starts[flat], self.ends[flat])

    def flat(self, rows: slice) -> slice:
        """Where the tokens of some consecutive texts lie in the flat arrays."""
        begin, end, _ = rows.indices(self.n)
        return slice(int(self.first[begin]), int(self.first[end]))


def words_of(texts: Sequence[str], spans: Spans) -> Iterator[list[str]]:
    """Cut the tokens out of their texts.

    Parameters
    ----------
    texts : sequence of str
        The texts.
    spans : Spans
        Where their tokens lie.

    Yields
    ------
    list of str
        The tokens of one text.

    Examples
    --------
    >>> list(words_of(["a bc"], Spans.of([[(0, 1), (2, 4)]])))
    [['a', 'bc']]
    """
    starts, ends, first = spans.starts.tolist(), spans.ends.tolist(), spans.first.tolist()
    for text, begin, end in zip(texts, first[:-1], first[1:], strict=True):
        yield [text[starts[at] : ends[at]] for at in range(begin, end)]
