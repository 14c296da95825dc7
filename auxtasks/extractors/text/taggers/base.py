"""What every tagger behind the text tasks gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from auxtasks.extractors.text.spans import Annotations, Spans
from auxtasks.typing import Array

UNIVERSAL: tuple[str, ...] = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM",
    "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X",
)  # fmt: skip
"""The 17 tags of Universal Dependencies, version 2, in alphabetical order; X is what none of the others is."""


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


def number_runs(begins: Array, inside: Array, spans: Spans) -> Array:
    """Count the runs of tokens of each text from 0; -1 for tokens that are in none."""
    begun = np.concatenate([[0], np.cumsum(begins)])
    number = begun[1:] - np.repeat(begun[spans.first[:-1]], spans.counts) - 1
    return np.where(inside, number, -1).astype(np.int32)
