"""Samples changed everywhere but at one end, which show what the end depends on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auxtasks.keras.layout import Side
from auxtasks.typing import Array

_RANGES = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789")
_NEXT_LETTER = {ord(a): b for run in _RANGES for a, b in zip(run, run[1:] + run[0], strict=True)}


def real_steps(values: Array, lengths: Array | None = None, side: Side = "post") -> Array:
    """Tell which steps of samples are no padding.

    Parameters
    ----------
    values : ndarray, shape (n, time) or (n, time, d)
        The samples.
    lengths : ndarray of int, shape (n,), optional
        Their lengths; without it, a step of zeros alone is padding.
    side : {"post", "pre"}
        The side that is padded; used together with `lengths`.

    Returns
    -------
    ndarray of bool, shape (n, time)
        True where a step is real.

    Examples
    --------
    >>> real_steps(np.array([[5, 6, 7]]), np.array([2]), side="pre")
    array([[False,  True,  True]])
    """
    if lengths is not None:
        real = np.asarray(np.arange(values.shape[1]) < lengths[:, None])
        return real if side == "post" else real[:, ::-1]
    return np.asarray((values != 0).reshape(*values.shape[:2], -1).any(axis=-1))


def end_step(real: Array, keep: int) -> Array:
    """Return the first (``keep=0``) or last (``keep=-1``) real step of each sample, shape (n,)."""
    return np.asarray(real.argmax(axis=1) if keep == 0 else real.shape[1] - 1 - real[:, ::-1].argmax(axis=1))


def replaced_values(values: Array, keep: int, real: Array) -> Array:
    """Replace every real step of samples but the first or the last.

    Parameters
    ----------
    values : ndarray, shape (n, time) or (n, time, d)
        Whole numbers are replaced by others that occur in them, so that they stay within a vocabulary; other numbers
        get noise as strong as they vary.
    keep : {0, -1}
        The real step that stays.
    real : ndarray of bool, shape (n, time)
        See `real_steps`.

    Returns
    -------
    ndarray
        In the shape of `values`.

    Examples
    --------
    >>> values = np.array([[3, 1, 2, 0]])
    >>> replaced_values(values, keep=0, real=real_steps(values))
    array([[3, 2, 3, 0]])
    """
    change = real.copy()
    change[np.arange(len(values)), end_step(real, keep)] = False
    if np.issubdtype(values.dtype, np.integer):
        known, index = np.unique(values[real], return_inverse=True)
        new = values.copy()
        new[real] = np.roll(known, -1)[index]
    else:
        noise = np.random.default_rng(0).normal(size=values.shape)
        new = (values + noise * (values.std() or 1.0)).astype(values.dtype)
    return np.where(change.reshape(*change.shape, *[1] * (values.ndim - 2)), new, values)


def replaced_words(text: str, keep: int, others: Sequence[str], *, whole: bool = True) -> str | None:
    """Replace every word of a text but the first or the last.

    Parameters
    ----------
    text : str
        A text.
    keep : {0, -1}
        The word that stays.
    others : sequence of str
        Different words to choose from.
    whole : bool, default True
        Whether to keep everything up to the first letter or digit (from the last one on), so that a word stays also
        where punctuation is none; otherwise exactly one word, which may be punctuation.

    Returns
    -------
    str or None
        A text of as many words; None where nothing is left to replace.

    Examples
    --------
    >>> replaced_words("the cat sat ?", 0, ["cat", "mat", "sat"])
    'the mat cat cat'
    >>> replaced_words("the cat sat ?", -1, ["cat", "mat", "sat"])
    'cat mat sat ?'
    """
    words = text.split()
    ordered = words if keep == 0 else words[::-1]
    telling = (number for number, word in enumerate(ordered, 1) if any(map(str.isalnum, word)))
    stay = next(telling, len(words)) if whole else 1
    if len(words) <= stay or len(others) < 2:
        return None
    following = dict(zip(others, [*others[1:], others[0]], strict=True))
    new = [*ordered[:stay], *(following.get(word, others[0]) for word in ordered[stay:])]
    return " ".join(new if keep == 0 else new[::-1])


def replaced_letters(text: str, keep: int) -> str | None:
    """Replace every letter and digit of a text, but for the first one or the last.

    Parameters
    ----------
    text : str
        A text.
    keep : {0, -1}
        The letter or digit that stays, with any punctuation between it and its end of the text.

    Returns
    -------
    str or None
        A text of the same length; None where it is too short. Letters of ASCII become the next in the alphabet, others
        the next that the text holds.

    Examples
    --------
    >>> replaced_letters("ab z9", 0)
    'ac a0'
    """
    places = [place for place, letter in enumerate(text) if letter.isalnum()]
    if len(places) < 2:
        return None
    own = sorted({letter for letter in text if letter.isalnum() and not letter.isascii()})
    following = {ord(one): other for one, other in zip(own, [*own[1:], *own[:1]], strict=True)}
    new = list(text.translate(_NEXT_LETTER | following))
    new[places[keep]] = text[places[keep]]
    return "".join(new)
