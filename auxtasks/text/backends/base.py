"""What every tagger behind the text tasks gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from auxtasks.text.annotations import Annotations
from auxtasks.text.spans import Spans


@dataclass(frozen=True)
class Corpus:
    """Texts to be tagged.

    Parameters
    ----------
    texts : sequence of str
        The texts, checked: no lone surrogates.
    given : Spans or None
        Where the user gave tokens, their places in the texts, which are these tokens joined by single spaces. The
        tagger then tags exactly these; None where it tokenizes by itself.
    training : bool
        Whether these are training texts. Only for these is a column an error that the tagger leaves empty throughout.
    """

    texts: Sequence[str]
    given: Spans | None = None
    training: bool = True


class Backend(Protocol):
    """Tags texts."""

    def annotate(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
        """Return the columns of `auxtasks.text.annotations.COLUMNS` that are needed, for all texts.

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
