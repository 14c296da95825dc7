"""Tokens that the user gave, and pieces of a corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auxtasks.text.backends.base import Corpus
from auxtasks.text.spans import Spans


def given_words(texts: Sequence[str], given: Spans) -> Iterator[list[str]]:
    """Return the tokens of every text.

    Parameters
    ----------
    texts : sequence of str
        The texts.
    given : Spans
        Where their tokens lie.

    Yields
    ------
    list of str
        The tokens of one text.

    Examples
    --------
    >>> list(given_words(["a bc"], Spans.of([[(0, 1), (2, 4)]])))
    [['a', 'bc']]
    """
    starts, ends, first = given.starts.tolist(), given.ends.tolist(), given.first.tolist()
    for text, begin, end in zip(texts, first[:-1], first[1:], strict=True):
        yield [text[starts[at] : ends[at]] for at in range(begin, end)]


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
