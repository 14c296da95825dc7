"""What every tagger behind the text tasks gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from auxtasks.extractors.text.spans import NAMED, Annotations, Spans
from auxtasks.typing import Array


@dataclass(frozen=True)
class Corpus:
    """Texts to be tagged.

    Where the user gave tokens, the texts are these joined by single spaces, and the tagger tags exactly them. Only for
    training texts is a column an error that it leaves empty throughout.
    """

    texts: Sequence[str]  # checked: no lone surrogates
    given: Spans | None = None  # the places of given tokens; None where the tagger tokenizes by itself
    training: bool = True


class Tagger(Protocol):
    """Tags texts."""

    def annotate(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
        """Return the columns of `auxtasks.extractors.text.spans.COLUMNS` that are needed, for all texts.

        Raises
        ------
        InvalidInputError
            If it cannot give a column; the message names what lacks it, and what to do. This is found out before
            anything is tagged, wherever it can be; what only the tags show is refused for training texts alone.
        """

    def fingerprint(self, needs: frozenset[str]) -> str:
        """Return a string that differs whenever `annotate` could give something else for the same corpus and needs.

        Raises
        ------
        InvalidInputError
            If that cannot be told; nothing is kept then.
        """


CHARACTERS = 200_000
"""Characters a batch holds at most, unless a single text has more: what a tagger takes grows with them."""


def batches_of(corpus: Corpus, size: int) -> list[Corpus]:
    """Cut a corpus into batches of consecutive texts."""
    begins: list[int] = []
    characters = 0
    for at, text in enumerate(corpus.texts):
        characters += len(text)
        if not begins or at - begins[-1] == size or characters > CHARACTERS:
            begins.append(at)
            characters = len(text)
    rows = [slice(begin, end) for begin, end in pairwise([*begins, len(corpus.texts)])]
    given = corpus.given
    return [
        replace(corpus, texts=list(corpus.texts[at]), given=None if given is None else given.take(at)) for at in rows
    ]


def join(parts: Sequence[Annotations], needs: frozenset[str]) -> Annotations:
    """Lay annotations of consecutive texts end to end."""
    names = {column: tuple(sorted({name for part in parts for name in part.names[column]})) for column in needs & NAMED}
    spans = Spans(
        _flat([part.spans.counts for part in parts], np.int64),
        _flat([part.spans.starts for part in parts], np.int32),
        _flat([part.spans.ends for part in parts], np.int32),
    )
    columns = {
        column: _flat(
            [part.codes(column, names[column]) if column in NAMED else part.columns[column] for part in parts], np.int32
        )
        for column in sorted(needs)
    }
    return Annotations(spans, columns, names)


def number_runs(begins: Array, inside: Array, spans: Spans) -> Array:
    """Count the runs of tokens of each text from 0."""
    begun = np.concatenate([[0], np.cumsum(begins)])
    number = begun[1:] - np.repeat(begun[spans.first[:-1]], spans.counts) - 1
    return np.where(inside, number, -1).astype(np.int32)


def _flat(arrays: list[Array], dtype: type[np.signedinteger]) -> Array:
    return np.concatenate([np.empty(0, dtype), *arrays]).astype(dtype, copy=False)
