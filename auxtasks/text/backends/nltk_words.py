"""NLTK's words, with their places in the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from auxtasks.errors import InvalidInputError
from auxtasks.optional import require

_QUOTES = {"``": ('"', "''"), "''": ('"',)}
"""What the tokenizer may have written for what stood in the text."""

Ranges = list[tuple[int, int]]


def cut(text: str, sentences: Any) -> tuple[list[list[str]], list[Ranges]]:
    """Cut a text into sentences and words, as ``nltk.word_tokenize`` does.

    Parameters
    ----------
    text : str
        The text.
    sentences : PunktTokenizer
        Finds sentences.

    Returns
    -------
    words : list of list of str
        The words of each sentence; quotation marks are written as the Penn Treebank has them.
    ranges : list of list of (int, int)
        Where each word begins and ends in the text.
    """
    tokenizer = require("nltk.tokenize", extra="text").NLTKWordTokenizer()
    words, ranges = [], []
    for begin, end in sentences.span_tokenize(text):
        found = tokenizer.tokenize(text[begin:end])
        words.append(found)
        ranges.append(places(text, found, begin))
    return words, ranges


def places(text: str, words: Sequence[str], begin: int) -> Ranges:
    """Find the words of a sentence in its text.

    Parameters
    ----------
    text : str
        The text.
    words : sequence of str
        Words in their order that leave out nothing but whitespace, quotation marks changed.
    begin : int
        Where the sentence begins.

    Returns
    -------
    list of (int, int)
        Where each word begins and ends.

    Raises
    ------
    InvalidInputError
        If a word does not come next.

    Examples
    --------
    >>> places('He said "no".', ["He", "said", "``", "no", "''", "."], 0)
    [(0, 2), (3, 7), (8, 9), (9, 11), (11, 12), (12, 13)]
    """
    found = []
    at = begin
    for word in words:
        while at < len(text) and text[at].isspace():
            at += 1
        for written in (word, *_QUOTES.get(word, ())):
            if text.startswith(written, at):
                break
        else:
            raise InvalidInputError(
                f"`X`: NLTK's word {word!r} is not found at character {at} of the text {text[:80]!r}; give the tokens "
                "of this text instead of the text."
            )
        found.append((at, at + len(written)))
        at += len(written)
    return found
