"""What Keras's ``TextVectorization`` does to single characters: it acts on ASCII alone."""

from __future__ import annotations

import string

import numpy as np

from auxtasks.typing import Array

STANDARDIZE = ("lower", "strip_punctuation", "lower_and_strip_punctuation")
"""The names of its rules for standardizing."""

# `tf.strings.split` takes these six for whitespace, and not those that Unicode adds, such as the no-break space.
_SPACE = b" \t\n\v\f\r"
_PUNCTUATION = string.punctuation.encode()
_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())

WORD, SPACE, PUNCTUATION = 0, 1, 2
_KINDS = np.zeros(129, np.uint8)
_KINDS[list(_SPACE)] = SPACE
_KINDS[list(_PUNCTUATION)] = PUNCTUATION


def standardized(text: str, rule: str | None) -> str:
    r"""Apply one of the layer's rules to a text.

    Parameters
    ----------
    text : str
        Any text that UTF-8 can express.
    rule : str or None
        A name of `STANDARDIZE`; None changes nothing.

    Returns
    -------
    str
        The text: with A to Z in lower case, without ASCII punctuation, or both. Other characters stay as they are.

    Notes
    -----
    The bytes of UTF-8 below 128 are the ASCII characters and nothing else, so bytes can be replaced and left out
    without harm to other characters. Source: Keras, ``TextVectorization``, which calls ``tf.strings.lower`` and
    ``tf.strings.regex_replace``.

    Examples
    --------
    >>> standardized("It's ÉLAN!", "lower_and_strip_punctuation")
    'its Élan'
    """
    if rule is None:
        return text
    table = _LOWER if "lower" in rule else None
    return text.encode().translate(table, _PUNCTUATION if "punctuation" in rule else b"").decode()


def kinds(text: str) -> Array:
    r"""Tell words, whitespace and punctuation apart.

    Parameters
    ----------
    text : str
        Any text that UTF-8 can express.

    Returns
    -------
    ndarray of uint8, shape (len(text),)
        `WORD`, `SPACE` or `PUNCTUATION` for each character; what is not ASCII is `WORD`.

    Examples
    --------
    >>> kinds("a\t-\xa0").tolist()
    [0, 1, 2, 0]
    """
    if text.isascii():
        codes = np.frombuffer(text.encode(), np.uint8)
    else:
        codes = np.minimum(np.frombuffer(text.encode("utf-32-le"), "<u4"), 128)
    return _KINDS[codes]


def split_at_spaces(text: str) -> list[str]:
    r"""Split a text as ``tf.strings.split`` does.

    Parameters
    ----------
    text : str
        Any text that UTF-8 can express.

    Returns
    -------
    list of str
        What lies between runs of the six whitespace characters of ASCII; none of them is empty.

    Examples
    --------
    >>> split_at_spaces(" a\xa0b \t c")
    ['a\xa0b', 'c']
    """
    # `str.split()` would split at Unicode's whitespace too, and decoding every word of bytes costs more than this.
    one_kind = text.encode().translate(bytes.maketrans(_SPACE, b" " * len(_SPACE))).decode()
    return list(filter(None, one_kind.split(" ")))
