"""Texts as samples: their tokens, what a tagger says of them, and how both are laid out for a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.spans import Annotations, Spans, align
from auxtasks.typing import Array
from auxtasks.validation import check_int

_CHARACTERS = 200_000


Words = Literal["learned", "known", "none"]
"""Where a vocabulary comes from: training texts, the user, or nowhere, so that ids stand for themselves alone."""


@dataclass(frozen=True)
class FittedTexts:
    """What training texts decide: the words the model knows, and how many steps it has."""

    vocabulary: Vocabulary
    length: int
    words: Words = "learned"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types; `from_dict` is the inverse."""
        return {"vocabulary": self.vocabulary.to_dict(), "length": self.length, "words": self.words}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> FittedTexts:
        """Make what `to_dict` described."""
        # Earlier files do not say where the vocabulary comes from.
        return cls(Vocabulary.from_dict(fields["vocabulary"]), int(fields["length"]), fields.get("words", "learned"))


@dataclass(frozen=True)
class Documents:
    """Texts, cut into the model's tokens; what the extractors of the text domain read."""

    texts: Sequence[str]
    spans: Spans  # where the model's tokens lie in them
    ids: Array  # the numbers of the tokens in the vocabulary, int32 and flat
    fitted: FittedTexts  # longer texts are cut, shorter ones padded
    padding: str = "post"  # the side that is padded; or "pre"
    as_texts: bool = False  # whether the model reads the texts themselves
    annotations: Annotations | None = None  # what the tagger says, if a task asked for it
    given: Spans | None = None  # where the tokens lie that the user gave
    rows: Array | None = None  # the ids that the user gave, where they are one array, which the model reads as it is
    first_step: Array | None = None  # where the tokens of each of these rows begin, (n,)
    of_ids: bool = False  # whether ids were given, which alone say how many labels go with a text

    def __len__(self) -> int:
        """Count the texts."""
        return len(self.texts)

    @property
    def n(self) -> int:
        """How many texts there are."""
        return len(self.texts)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words the model knows."""
        return self.fitted.vocabulary

    @property
    def length(self) -> int:
        """How many steps the model has."""
        return self.fitted.length

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one padded sample."""
        return (self.length,)

    @property
    def compute(self) -> np.dtype[np.floating]:
        """The dtype in which tasks compute numbers."""
        return np.dtype(np.float32)

    @cached_property
    def lengths(self) -> Array:
        """How many of the model's steps each text fills, shape (n,)."""
        return np.minimum(self.spans.counts, self.length)

    @property
    def inputs(self) -> Array:
        """What the model reads: an array of texts, dtype object, or the padded numbers (n, length), int32."""
        if self.rows is not None:
            return self.rows
        if not self.as_texts:
            return self._padded_ids()
        texts = np.empty(self.n, object)
        texts[:] = self.texts
        return texts

    def chunks(self) -> list[slice]:
        """Cut the texts into blocks of about as many characters."""
        block = np.cumsum([len(text) + 1 for text in self.texts]) // _CHARACTERS
        edges = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), self.n]
        return [slice(start, end) for start, end in pairwise(edges)]

    def read(self, rows: slice) -> Documents:
        """Return some consecutive texts."""
        said = None if self.annotations is None else self.annotations.take(rows)
        return replace(
            self,
            texts=self.texts[rows],
            spans=self.spans.take(rows),
            ids=self.ids[self.spans.flat(rows)],
            annotations=said,
            given=None if self.given is None else self.given.take(rows),
            rows=None if self.rows is None else self.rows[rows],
            first_step=None if self.first_step is None else self.first_step[rows],
        )

    def take(self, rows: Array) -> Documents:
        """Return the texts of some numbers, which are not tagged yet."""
        return replace(
            self,
            texts=tuple(self.texts[row] for row in rows),
            spans=self.spans.pick(rows),
            ids=self.ids[self.spans.flat_of(rows)],
            given=None if self.given is None else self.given.pick(rows),
            rows=None if self.rows is None else self.rows[rows],
            first_step=None if self.first_step is None else self.first_step[rows],
            annotations=None,
        )

    @property
    def said(self) -> Annotations:
        """What the tagger says; there for every task that declares what it `needs`."""
        if self.annotations is None:
            raise InvalidInputError("these texts were not tagged; declare the columns that the task `needs`.")
        return self.annotations

    @cached_property
    def owner(self) -> Array:
        """For each of the model's tokens the tagger's token that it takes its labels from, or -1; see `align`."""
        return align(self.spans, self.said.spans)

    def aligned(self, values: Array, missing: float = -1) -> Array:
        """Return values of the tagger's tokens on the model's tokens, flat, and `missing` where no token is tagged."""
        # One entry more, which an owner of -1 finds as the last.
        return np.concatenate([values, np.array([missing], values.dtype)])[self.owner]

    def padded(self, values: Array, missing: float | str = -1) -> Array:
        """Lay out flat values of the model's tokens as an array (n, length); `missing` stands in the padding."""
        row, step = self.spans.row, self.spans.step
        kept = step < self.length
        row, step = row[kept], step[kept]
        if self.first_step is not None:
            step = step + self.first_step[row]
        elif self.padding == "pre":
            step = step + self.length - self.lengths[row]
        array = np.full((self.n, self.length), missing, values.dtype)
        array[row, step] = values[kept]
        return array

    def _padded_ids(self) -> Array:
        padding = self.vocabulary.padding
        if padding is None:
            raise InvalidInputError(
                "`vocabulary` has no entry for padding, '' or '[PAD]', but texts of different lengths must be "
                "padded. Put one at the id that the model uses for padding, or pad the ids and pass one array."
            )
        if self.vocabulary.unknown is None and (self.ids < 0).any() and not self.of_ids:
            raise InvalidInputError(
                "`vocabulary` has no entry for unknown words, such as '[UNK]', but some words of the texts are not "
                "in it; put one at the id that the model uses for them."
            )
        return self.padded(self.ids, padding)


PADDING, UNKNOWN = "", "[UNK]"


@dataclass(frozen=True)
class Vocabulary:
    """Words by their numbers, laid out as Keras's ``TextVectorization`` does by default."""

    words: tuple[str, ...]  # the word of every number
    padding: int | None = 0  # the number that stands for no token; None where there is none
    unknown: int | None = 1  # that of words that are not in the vocabulary; None where there is none
    special: frozenset[int] = field(default=frozenset({0, 1}))  # no words of a text, these two among them; no targets

    @classmethod
    def fit(cls, words: Iterable[str], max_tokens: int | None = None) -> Vocabulary:
        """Take the most frequent words, as ``TextVectorization.adapt`` does."""
        known = None if max_tokens is None else check_int("max_tokens", max_tokens, low=3) - 2
        counts = Counter(words)
        # A word spelled like one of the two is not learned: its number could not be told from theirs.
        learned = sorted(counts.keys() - {PADDING, UNKNOWN}, key=lambda word: (counts[word], word), reverse=True)
        return cls((PADDING, UNKNOWN, *learned[:known]))

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of every word."""
        return {word: number for number, word in enumerate(self.words)}

    def ids(self, words: Sequence[str]) -> Array:
        """Return the numbers of words, shape (len(words),), int32; -1 for one that has none."""
        find, other = self.numbers.get, -1 if self.unknown is None else self.unknown
        return np.fromiter((find(word, other) for word in words), np.int32, len(words))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types; `from_dict` is the inverse."""
        return {
            "words": list(self.words),
            "padding": self.padding,
            "unknown": self.unknown,
            "special": sorted(self.special),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Vocabulary:
        """Make what `to_dict` described."""
        return cls(tuple(fields["words"]), fields["padding"], fields["unknown"], frozenset(fields["special"]))
