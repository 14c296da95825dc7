"""What the words of all texts decide: the vocabulary, the number of steps, and the classes of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from auxtasks.cluster.words import Words
from auxtasks.compute.task import Task
from auxtasks.errors import InvalidInputError
from auxtasks.text.annotations import NAMED, Annotations
from auxtasks.text.documents import Documents, FittedTexts
from auxtasks.text.spans import Spans
from auxtasks.text.vocabulary import Vocabulary
from auxtasks.typing import Array

_MANY, _PADDED = 100_000_000, 0.1
"""So many steps, of which so few are tokens, are refused, as in memory."""


def fit_texts(found: Words, max_tokens: int | None) -> FittedTexts:
    """Decide the vocabulary and the number of steps.

    Parameters
    ----------
    found : Words
        What all training texts tell.
    max_tokens : int or None
        The size of a vocabulary that is fitted.

    Returns
    -------
    FittedTexts
        What reading them in memory decides.

    Raises
    ------
    InvalidInputError
        If no text has a token, or a few long texts would make nearly everything padding.

    Examples
    --------
    >>> import auxtasks
    >>> from auxtasks.cluster.piece import Piece
    >>> from auxtasks.cluster.words import see_words
    >>> piece = Piece(0, "partition 0 of `X`", {})
    >>> found = see_words(["so it goes", "so"], piece, auxtasks.AuxTargetGenerator("text"), frozenset())
    >>> fit_texts(found, None).length
    3
    """
    if not any(found.lengths):
        raise InvalidInputError("`X`: no text has a token, so there is nothing to learn from; check the texts.")
    vocabulary, length = found.brings or (None, None)
    if vocabulary is None:
        vocabulary = Vocabulary.fit(found.words, max_tokens)  # counts are taken as they are
    if length is None:
        length = max(found.lengths)
        n, used = sum(found.lengths.values()), sum(many * times for many, times in found.lengths.items())
        if length * n > _MANY and used < _PADDED * length * n:
            raise InvalidInputError(
                f"`X`: the longest text has {length} tokens, and a text {used / n:.1f} on average, so that "
                f"{1 - used / (length * n):.0%} of {length * n:,} steps would be padding. Pass a `length` to cut the "
                "longest texts."
            )
    return FittedTexts(vocabulary, length)


def stand_in(found: Words, fitted: FittedTexts) -> Documents:
    """Make a few texts of which tasks learn the same classes as of all.

    Parameters
    ----------
    found : Words
        What all training texts tell.
    fitted : FittedTexts
        The vocabulary and the number of steps.

    Returns
    -------
    Documents
        Every word as often as its rank among the frequencies, which keeps their order and ties, and every name of the
        tagger once.

    Examples
    --------
    >>> import auxtasks
    >>> from auxtasks.cluster.piece import Piece
    >>> from auxtasks.cluster.words import see_words
    >>> piece = Piece(0, "partition 0 of `X`", {})
    >>> found = see_words(["so it goes", "so it", "so"], piece, auxtasks.AuxTargetGenerator("text"), frozenset())
    >>> few = stand_in(found, fit_texts(found, None))
    >>> [few.vocabulary.words[number] for number in few.ids]
    ['so', 'so', 'so', 'it', 'it', 'goes']
    """
    counts = np.zeros(len(fitted.vocabulary.words), np.int64)
    if found.numbers:
        known = [(number, times) for number, times in found.numbers.items() if 0 <= number < len(counts)]
        counts[[number for number, _ in known]] = [times for _, times in known]
    else:
        words = list(found.within)
        np.add.at(counts, fitted.vocabulary.ids(words), [found.within[word] for word in words])
    present = np.unique(counts[counts > 0])
    ids = np.repeat(np.arange(len(counts), dtype=np.int32), np.searchsorted(present, counts, side="right"))
    said = _said({name: tuple(sorted(names)) for name, names in found.names.items()})
    # One token a text, so that none lies beyond the steps of the model.
    return Documents([""] * len(ids), _single(len(ids)), ids, fitted, annotations=said)


def check_names_merge(tasks: Sequence[Task]) -> None:
    """Refuse tasks that learn their classes in a way that parts of the texts cannot tell.

    Parameters
    ----------
    tasks : sequence of Task
        What is to be computed.

    Raises
    ------
    InvalidInputError
        If a task has a `fit` of its own.

    Examples
    --------
    >>> check_names_merge([Task("a", "a", "vector")])
    """
    for task in tasks:
        if task.fit is not None and not task.fit.__module__.startswith("auxtasks.text."):
            raise InvalidInputError(
                f"`tasks`: {task.name!r} learns its classes from all training texts at once, which partitions cannot "
                "be put together for. Fit a generator on a part of the texts that fits in memory, and `transform` the "
                "collection with it."
            )


def _said(names: Mapping[str, tuple[str, ...]]) -> Annotations:
    most = max(map(len, names.values()), default=0)
    columns = {name: np.arange(most, dtype=np.int32) for name in names}
    for name, column in columns.items():
        column[len(names[name]) :] = -1
    return Annotations(_single(most), columns, {name: names[name] for name in names if name in NAMED})


def _single(n: int) -> Spans:
    nothing: Array = np.zeros(n, np.int32)
    return Spans(np.ones(n, np.int64), nothing, nothing)
