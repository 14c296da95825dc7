"""The words themselves as targets: the next one, the previous one, the very one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from auxtasks.extractors.text.documents import Documents
from auxtasks.registry import register_task
from auxtasks.typing import Array
from auxtasks.validation import check_int


def _nothing(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Need no tagger, and refuse a wrong size before others do."""
    if options["vocabulary_size"] is not None:
        check_int("vocabulary_size", options["vocabulary_size"], low=2)
    return ()


def _frequent(X: Documents, *, vocabulary_size: int | None) -> tuple[str, ...]:
    """Return the most frequent words of the training texts that can be targets, ties in order of their numbers."""
    # The tasks below have the option only for this function to read it.
    within = X.ids[(X.spans.step < X.length) & (X.ids >= 0)]
    counts = np.bincount(within, minlength=len(X.vocabulary.words))
    counts[[number for number in X.vocabulary.special if number < len(counts)]] = 0
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)][:vocabulary_size]
    return tuple(X.vocabulary.words[number] for number in order.tolist())


def _classes_of(X: Documents, classes: tuple[str, ...]) -> Array:
    """Return the class of every token of the model, flat; -1 for words that are no class."""
    # One entry more, which a number of -1 finds as the last.
    table = np.full(len(X.vocabulary.words) + 1, -1, np.int32)
    table[[X.vocabulary.numbers[word] for word in classes]] = np.arange(len(classes))
    return table[X.ids]


@register_task(
    "next_word",
    domain="text",
    kind="step_class",
    fit=_frequent,
    needs=_nothing,
    of_ids=True,
    per_sample="text_statistics",
    lookahead="next",
    source="language modelling; Bengio et al. 2003; as an auxiliary task Rei 2017",
)
def next_word(X: Documents, *, vocabulary_size: int | None = 2000, classes: tuple[str, ...]) -> Array:  # noqa: ARG001
    """Word that follows each token.

    Parameters
    ----------
    X : Documents
        The texts.
    vocabulary_size : int or None
        How many of the most frequent words of the training texts are classes; all if None. The time of a training
        step grows with it.
    classes : tuple of str
        These words.

    Returns
    -------
    ndarray of int32, shape (n, length)
        Places in `classes` of the word after each token; -1 for the last token, in the padding, and where the next
        word is unknown or no class.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If `vocabulary_size` is neither None nor an integer of at least 2.

    Notes
    -----
    Meant for a tap that has not seen the next word: a recurrent layer that runs forward, a causal convolution,
    attention with a causal mask. Elsewhere the answer is in the question; `auxtasks.keras.attach_heads` finds out.

    Examples
    --------
    >>> import auxtasks
    >>> targets = auxtasks.make_aux_targets(["so it goes", "so it is"], "text", "next_word")
    >>> targets.specs["next_word"].classes
    ('so', 'it', 'is', 'goes')
    >>> targets["next_word"]
    array([[ 1,  3, -1],
           [ 1,  2, -1]], dtype=int32)
    """
    return X.padded(_neighbours(X, _classes_of(X, classes), 1))


@register_task(
    "previous_word",
    domain="text",
    kind="step_class",
    fit=_frequent,
    needs=_nothing,
    of_ids=True,
    per_sample="text_statistics",
    lookahead="previous",
    source="backward language modelling; Rei 2017, Semi-supervised multitask learning for sequence labeling",
)
def previous_word(X: Documents, *, vocabulary_size: int | None = 2000, classes: tuple[str, ...]) -> Array:  # noqa: ARG001
    """Word that comes before each token.

    Parameters
    ----------
    X : Documents
        The texts.
    vocabulary_size : int or None
        As for `next_word`.
    classes : tuple of str
        As for `next_word`.

    Returns
    -------
    ndarray of int32, shape (n, length)
        Places in `classes` of the word before each token; -1 for the first token, in the padding, and where the
        previous word is unknown or no class.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If `vocabulary_size` is neither None nor an integer of at least 2.

    Examples
    --------
    >>> import auxtasks
    >>> auxtasks.make_aux_targets(["so it goes", "so it is"], "text", "previous_word")["previous_word"]
    array([[-1,  0,  1],
           [-1,  0,  1]], dtype=int32)
    """
    return X.padded(_neighbours(X, _classes_of(X, classes), -1))


@register_task(
    "reconstruction",
    domain="text",
    kind="step_class",
    fit=_frequent,
    needs=_nothing,
    of_ids=True,
    per_sample="text_statistics",
    source="autoencoding; Le et al. 2018, Supervised autoencoders: improving generalization performance",
)
def reconstruction(X: Documents, *, vocabulary_size: int | None = 2000, classes: tuple[str, ...]) -> Array:  # noqa: ARG001
    """Reproduce the word of each token.

    Parameters
    ----------
    X : Documents
        The texts.
    vocabulary_size : int or None
        As for `next_word`.
    classes : tuple of str
        As for `next_word`.

    Returns
    -------
    ndarray of int32, shape (n, length)
        Places in `classes`; -1 in the padding and for words that are unknown or no class.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If `vocabulary_size` is neither None nor an integer of at least 2.

    Examples
    --------
    >>> import auxtasks
    >>> auxtasks.make_aux_targets(["so it goes", "so it is"], "text", "reconstruction")["reconstruction"]
    array([[0, 1, 3],
           [0, 1, 2]], dtype=int32)
    """
    return X.padded(_classes_of(X, classes))


def _neighbours(X: Documents, values: Array, shift: int) -> Array:
    """Return the values of the tokens `shift` further on, -1 beyond the text."""
    row = X.spans.row
    found = np.full(len(values), -1, values.dtype)
    here, there = (slice(None, -1), slice(1, None)) if shift > 0 else (slice(1, None), slice(None, -1))
    found[here] = np.where(row[here] == row[there], values[there], -1)
    return found
