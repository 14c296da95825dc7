"""Texts as samples: their tokens, what a tagger says of them, and how both are laid out for a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.text.alignment import align
from auxtasks.text.annotations import Annotations
from auxtasks.text.spans import Spans
from auxtasks.text.vocabulary import Vocabulary
from auxtasks.typing import Array

_CHARACTERS = 200_000


@dataclass(frozen=True)
class FittedTexts:
    """What training texts decide.

    Parameters
    ----------
    vocabulary : Vocabulary
        The words the model knows.
    length : int
        How many steps it has.
    """

    vocabulary: Vocabulary
    length: int


@dataclass(frozen=True)
class Documents:
    """Texts, cut into the model's tokens; what the extractors of the text domain read.

    Parameters
    ----------
    texts : sequence of str
        The texts.
    spans : Spans
        Where the model's tokens lie in them.
    ids : ndarray of int32
        The numbers of the tokens in the vocabulary, flat.
    fitted : FittedTexts
        The vocabulary and the number of steps; longer texts are cut, shorter ones padded.
    padding : {"post", "pre"}
        The side that is padded.
    as_texts : bool
        Whether the model reads the texts themselves.
    annotations : Annotations or None
        What the tagger says, if a task asked for it.
    given : Spans or None
        Where the tokens lie that the user gave.
    """

    texts: Sequence[str]
    spans: Spans
    ids: Array
    fitted: FittedTexts
    padding: str = "post"
    as_texts: bool = False
    annotations: Annotations | None = None
    given: Spans | None = None

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
        if not self.as_texts:
            return self.padded(self.ids, self.vocabulary.padding)
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
        if self.padding == "pre":
            step = step + self.length - self.lengths[row]
        array = np.full((self.n, self.length), missing, values.dtype)
        array[row, step] = values[kept]
        return array
