"""Pieces of a corpus."""

from __future__ import annotations

from auxtasks.text.backends.base import Corpus


def batches_of(corpus: Corpus, size: int) -> list[Corpus]:
    """Cut a corpus into batches of consecutive texts.

    Parameters
    ----------
    corpus : Corpus
        The texts.
    size : int
        How many texts a batch holds, the last one perhaps fewer.

    Returns
    -------
    list of Corpus
        The batches.

    Examples
    --------
    >>> [len(batch.texts) for batch in batches_of(Corpus(["a", "b", "c"]), 2)]
    [2, 1]
    """
    rows = [slice(begin, begin + size) for begin in range(0, len(corpus.texts), size)]
    given = corpus.given
    return [Corpus(list(corpus.texts[at]), None if given is None else given.take(at)) for at in rows]
