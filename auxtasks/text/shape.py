"""How a word is written."""

from __future__ import annotations

import numpy as np

from auxtasks.registry import extractor
from auxtasks.text.documents import Documents
from auxtasks.text.spans import words_of
from auxtasks.typing import Array

SHAPES: tuple[str, ...] = ("lower", "title", "upper", "mixed", "number", "alphanumeric", "punctuation", "other")


@extractor(
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
