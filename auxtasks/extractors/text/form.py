"""How a word is written."""

from __future__ import annotations

import numpy as np

from auxtasks.extractors.text.documents import Documents
from auxtasks.extractors.text.spans import words_of
from auxtasks.registry import register_task
from auxtasks.typing import Array, Floats

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
