"""Pieces of a corpus."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from auxtasks.text.backends.base import Corpus

CHARACTERS = 200_000
"""Characters a batch holds at most, unless a single text has more: what a tagger takes grows with them."""


def batches_of(corpus: Corpus, size: int) -> list[Corpus]:
    """Cut a corpus into batches of consecutive texts.

    Parameters
    ----------
    corpus : Corpus
        The texts.
    size : int
        How many texts a batch holds at most; it holds fewer where they have more than `CHARACTERS` together.

    Returns
    -------
    list of Corpus
        The batches; none is empty.

    Examples
    --------
    >>> [len(batch.texts) for batch in batches_of(Corpus(["a", "b", "c"]), 2)]
    [2, 1]
    """
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
