"""The words themselves as targets: the next one, the previous one, the very one, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from auxtasks.extractors.text.documents import Documents
from auxtasks.extractors.text.spans import words_of
from auxtasks.registry import register_task
from auxtasks.typing import Array, Floats
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


SHAPES: tuple[str, ...] = ("lower", "title", "upper", "mixed", "number", "alphanumeric", "punctuation", "other")


@register_task(
    "word_shape",
    domain="text",
    kind="step_class",
    classes=lambda _: SHAPES,
    per_sample="text_statistics",
    level="low",
    source="orthographic features of taggers; Collins 2002, Ranking algorithms for named-entity extraction",
)
def word_shape(X: Documents) -> Array:
    """Way in which each token is written: letter case, digits, punctuation.

    Parameters
    ----------
    X : Documents
        The texts.

    Returns
    -------
    ndarray of int32, shape (n, length)
        Places in `SHAPES`, read from the text as it stands, before a tokenizer lower-cases or strips it; -1 in the
        padding and for tokens that stand for no characters.

    Notes
    -----
    ``number``: digits, with other characters that are no letters; ``alphanumeric``: letters and digits;
    ``punctuation``: neither. Of words with letters and no digits: ``lower`` and ``upper`` have one case only,
    ``title`` a capital and then lower case, ``mixed`` any other order of both, ``other`` a script without cases. A
    single capital is a ``title``.

    Examples
    --------
    >>> import auxtasks
    >>> targets = auxtasks.make_aux_targets(["Call +44 NASA now"], "text", "word_shape")
    >>> [SHAPES[place] for place in targets["word_shape"][0]]
    ['title', 'number', 'upper', 'lower']
    """
    known: dict[str, int] = {}
    words = [word for of_text in words_of(X.texts, X.spans) for word in of_text]
    for word in words:
        if word not in known:
            known[word] = _shape_of(word)
    return X.padded(np.fromiter((known[word] for word in words), np.int32, len(words)))


def _shape_of(word: str) -> int:
    if not word:
        return -1
    letters = [character for character in word if character.isalpha()]
    digits = any(character.isdigit() for character in word)
    if not letters:
        return SHAPES.index("number" if digits else "punctuation")
    if digits:
        return SHAPES.index("alphanumeric")
    joined = "".join(letters)
    if joined == joined.lower() == joined.upper():
        return SHAPES.index("other")
    if joined == joined.lower():
        return SHAPES.index("lower")
    if joined[0].isupper() and joined[1:] == joined[1:].lower():
        return SHAPES.index("title")
    return SHAPES.index("upper" if joined == joined.upper() else "mixed")


STATISTICS: tuple[str, ...] = (
    "characters",
    "tokens",
    "mean token length",
    "type-token ratio",
    "share of capitals",
    "share of digits",
    "share of punctuation",
)


@register_task(
    "text_statistics",
    domain="text",
    kind="vector",
    log1p=True,
    classes=lambda _: STATISTICS,
    source="measures of stylometry; type-token ratio after Johnson 1944",
)
def text_statistics(X: Documents) -> Floats:
    """Lengths, variety of words and kinds of characters of a text.

    Parameters
    ----------
    X : Documents
        The texts.

    Returns
    -------
    ndarray of float32, shape (n, 7)
        The columns of `STATISTICS`: the number of characters, and of the model's tokens; the mean number of characters
        a token stands for; different words of the vocabulary over tokens; and the shares of capitals, digits and
        punctuation (anything but letters, digits and white space) among the characters. Counted over the whole text,
        also beyond the model's length. Without tokens the two ratios of tokens are NaN, without characters the shares.

    Examples
    --------
    >>> import auxtasks
    >>> targets = auxtasks.make_aux_targets(["So it goes. So.", "12"], "text", "text_statistics", scale=False)
    >>> targets["text_statistics"][:, :4].round(2).tolist()
    [[15.0, 4.0, 2.5, 0.75], [2.0, 1.0, 2.0, 1.0]]
    """
    characters = np.fromiter(map(len, X.texts), np.int64, X.n)
    tokens = X.spans.counts
    covered = np.bincount(X.spans.row, weights=X.spans.ends - X.spans.starts, minlength=X.n)
    row_and_word = X.spans.row * (len(X.vocabulary.words) + 1) + X.ids + 1
    types = np.bincount(np.unique(row_and_word) // (len(X.vocabulary.words) + 1), minlength=X.n)
    kinds = _kinds_of_characters(X, characters)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [covered / tokens, types / tokens, *(kinds / characters)]
    return np.stack([characters, tokens, *ratios], axis=1).astype(np.float32)


def _kinds_of_characters(X: Documents, lengths: Array) -> Array:
    """Count capitals, digits and punctuation in each text, shape (3, n)."""
    flat = np.frombuffer("".join(X.texts).encode("utf-32-le"), np.uint32)
    found, index = np.unique(flat, return_inverse=True)
    kinds = np.array([_kinds(chr(code)) for code in found.tolist()], np.int64).reshape(-1, 3)
    # A running sum, because reduceat would give an empty text the value of the next one.
    total = np.concatenate([np.zeros((1, 3), np.int64), np.cumsum(kinds[index], axis=0)])
    last = np.cumsum(lengths)
    counts: Array = (total[last] - total[last - lengths]).T
    return counts


def _kinds(character: str) -> tuple[bool, bool, bool]:
    plain = character.isalpha() or character.isdigit() or character.isspace()
    return character.isupper(), character.isdigit(), not plain
