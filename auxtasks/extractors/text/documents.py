"""Texts as samples: their tokens, what a tagger says of them, and how both and labels are laid out for a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from auxtasks.columns import Column, StepLabels, entries_of
from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.spans import Annotations, Spans, align
from auxtasks.extractors.text.vocabularies import Vocabulary
from auxtasks.label_columns import as_labels
from auxtasks.typing import Array

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
        return len(self.texts)

    @property
    def n(self) -> int:
        return len(self.texts)

    @property
    def vocabulary(self) -> Vocabulary:
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
        if self.as_texts:
            texts = np.empty(self.n, object)
            texts[:] = self.texts
            return texts
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

    def chunks(self) -> list[slice]:
        """Cut the texts into blocks of about as many characters."""
        block = np.cumsum([len(text) + 1 for text in self.texts]) // _CHARACTERS
        edges = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), self.n]
        return [slice(start, end) for start, end in pairwise(edges)]

    def read(self, rows: slice) -> Documents:
        """Return some consecutive texts, and what the tagger says of them."""
        said = None if self.annotations is None else self.annotations.take(rows)
        return replace(self._some(rows, self.texts[rows]), annotations=said)

    def take(self, rows: Array) -> Documents:
        """Return the texts of some numbers, which are not tagged yet."""
        return self._some(rows, tuple(self.texts[row] for row in rows))

    def _some(self, rows: slice | Array, texts: Sequence[str]) -> Documents:
        return replace(
            self,
            texts=texts,
            spans=self.spans.take(rows),
            ids=self.ids[self.spans.flat(rows)],
            annotations=None,
            given=None if self.given is None else self.given.take(rows),
            rows=None if self.rows is None else self.rows[rows],
            first_step=None if self.first_step is None else self.first_step[rows],
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


def lay_out_labels(label_columns: Mapping[str, object], X: Documents) -> dict[str, object]:
    """Turn columns with a label for each token into columns with a label for each step of the model.

    A model's token takes the label of the given token that it follows by `auxtasks.extractors.text.spans.align`. Where
    all labels are of the IOB scheme, only the first piece of a token keeps its B-; the others go on with I-.
    """
    if X.of_ids and X.rows is not None and X.first_step is not None:
        counts = np.full(X.n, X.length)
        owner = X.spans.row * X.length + X.first_step[X.spans.row] + X.spans.step
    elif X.of_ids:
        counts, owner = X.spans.counts, np.arange(len(X.ids))
    elif X.given is not None:
        counts, owner = X.given.counts, align(X.spans, X.given)
    else:
        return dict(label_columns)
    return {name: _laid_out(name, values, X, counts.tolist(), owner) for name, values in label_columns.items()}


def _laid_out(name: str, values: object, X: Documents, counts: Sequence[int], owner: Array) -> object:
    """Lay out a column of lists of so many labels; `owner` are the labels, end to end, that tokens take."""
    lists = _lists(values)
    if lists is None or len(lists) != X.n:
        return values  # a wrong number is refused where all columns are
    known = [[None] * count if labels is None else labels for labels, count in zip(lists, counts, strict=True)]
    wrong = next((row for row, labels in enumerate(known) if len(labels) != counts[row]), None)
    if wrong is not None:
        are_flags = all(label in (-1, 0, 1) for labels in lists for label in labels or ())
        if are_flags and len({len(labels) for labels in known}) == 1:
            return values
        raise InvalidInputError(
            f"`label_columns`: {name!r} has {len(known[wrong])} labels for the {counts[wrong]} tokens of `X[{wrong}]`; "
            "give one for each token, None where it is missing."
        )
    return _on_steps(as_labels(name, [label for labels in known for label in labels], None), X, owner)


def _lists(values: object) -> list[Sequence[object] | None] | None:
    """Return the lists of a column of lists, or None for anything else."""
    values = entries_of(values)
    if isinstance(values, np.ndarray):
        values = values.tolist() if values.ndim == 2 or values.dtype == object else None
    if not isinstance(values, (list, tuple)):
        return None
    rows = [entry.tolist() if isinstance(entry, np.ndarray) else entry for entry in values]
    of_lists = all(entry is None or isinstance(entry, (list, tuple)) for entry in rows)
    return rows if of_lists and any(entry is not None for entry in rows) else None


def _on_steps(labels: Column, X: Documents, owner: Array) -> object:
    # One entry more, which a token that follows none finds as the last.
    missing = X.padded(np.append(labels.missing, True)[owner], True)
    if labels.family == "float":
        numbers = np.append(labels.values, np.nan)[owner]
        return X.padded(numbers, np.nan)[..., np.newaxis]
    filler = "" if labels.family == "string" else -1
    flat = np.append(labels.values, filler)[owner]
    present = set(labels.values[~labels.missing].tolist()) if labels.family == "string" else set()
    if "O" in present and all(label == "O" or label.startswith(("B-", "I-")) for label in present):
        # A second piece of a token does not begin anything.
        later = (np.diff(owner, prepend=-2) == 0) & (owner >= 0)
        pairs = zip(flat.tolist(), later.tolist(), strict=True)
        goes_on = [f"I{label[1:]}" if piece and label[:1] == "B" else label for label, piece in pairs]
        flat = np.array(goes_on, object)
    return StepLabels(X.padded(flat, filler), missing, labels.family)
