"""Entities and base noun phrases from tagged sentences, with NLTK's chunkers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from auxtasks.optional import require
from auxtasks.text.backends.joining import number_runs
from auxtasks.text.backends.penn import PENN
from auxtasks.text.spans import Spans
from auxtasks.typing import Array

Tagged = list[tuple[str, str]]

GRAMMAR = r"""
    NP: {<PDT>?<DT|PRP\$|WP\$|WDT>?<RB.*|JJ.*|CD|VBN>*<NN.*>+(<POS><RB.*|JJ.*|CD|VBN>*<NN.*>+)*<CD>?}
        {<DT>?<\$|\#>?<CD>+}
        {<PRP|WP|EX>}
"""
"""A base noun phrase: an article or possessive pronoun, what modifies a noun, and nouns, with the nouns that own them
(John's big idea); or a number or an amount; or a pronoun. Nothing within it is another one."""


def phrase_columns(trees: Iterable[Any], spans: Spans) -> tuple[Array, Array, tuple[str, ...]]:
    """Count the phrases of every text from 0.

    Parameters
    ----------
    trees : iterable of Tree
        For the sentences of all texts, in order, a tree of words and of phrases of words.
    spans : Spans
        The words of every text.

    Returns
    -------
    run : ndarray of int32, shape (words,)
        The number of the phrase in its text; -1 outside.
    kind : ndarray of int32, shape (words,)
        The place of its label in `names`; -1 outside.
    names : tuple of str
        The labels, sorted.
    """
    labels: list[str | None] = []
    begins: list[bool] = []
    for tree in trees:
        for child in tree:
            # A word is a pair with its tag, a phrase another tree.
            phrase = hasattr(child, "label")
            size = len(child) if phrase else 1
            labels += [child.label() if phrase else None] * size
            begins += [phrase] + [False] * (size - 1)
    names = tuple(sorted({label for label in labels if label is not None}))
    number = {name: at for at, name in enumerate(names)}
    kind = np.fromiter((-1 if label is None else number[label] for label in labels), np.int32, len(labels))
    return number_runs(np.array(begins, bool), kind >= 0, spans), kind, names


def noun_phrases(sentences: Sequence[Tagged]) -> list[Any]:
    """Return the trees of base noun phrases of sentences; see `GRAMMAR`."""
    parser = _parser()
    # A tag of another set has no part in a phrase, and its characters may mean something to the parser.
    return [parser.parse([(word, tag if tag in PENN else "X") for word, tag in words]) for words in sentences]


@lru_cache
def _parser() -> Any:
    return require("nltk.chunk", extra="text").RegexpParser(GRAMMAR)
