"""Samples changed everywhere but at one end, which show what the end depends on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auxtasks.typing import Array

_RANGES = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789")
_NEXT_LETTER = {ord(a): b for run in _RANGES for a, b in zip(run, run[1:] + run[0], strict=True)}


def real_steps(values: Array, lengths: Array | None = None) -> Array:
    """Tell which steps of samples are no padding.

    Parameters
    ----------
    values : ndarray, shape (n, time) or (n, time, d)
        The samples.
    lengths : ndarray of int, shape (n,), optional
        Their lengths; without it, a step of zeros alone is padding.

    Returns
    -------
    ndarray of bool, shape (n, time)
        True where a step is real.
    """
    if lengths is not None:
        return np.asarray(np.arange(values.shape[1]) < lengths[:, None])
    return np.asarray((values != 0).reshape(*values.shape[:2], -1).any(axis=-1))


def end_step(real: Array, keep: int) -> Array:
    """Return the first (``keep=0``) or last (``keep=-1``) real step of each sample, shape (n,)."""
    return np.asarray(real.argmax(axis=1) if keep == 0 else real.shape[1] - 1 - real[:, ::-1].argmax(axis=1))


def replaced_values(values: Array, keep: int, lengths: Array | None = None) -> Array:
    """Replace every real step of samples but the first or the last.

    Parameters
    ----------
    values : ndarray, shape (n, time) or (n, time, d)
        Whole numbers are replaced by others that occur in them, so that they stay within a vocabulary; other numbers
        get noise as strong as they vary.
    keep : {0, -1}
        The real step that stays.
    lengths : ndarray of int, optional
        See `real_steps`.

    Returns
    -------
    ndarray
        In the shape of `values`.

    Examples
    --------
    >>> replaced_values(np.array([[3, 1, 2, 0]]), keep=0)
    array([[3, 2, 3, 0]])
    """
    real = real_steps(values, lengths)
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


def replaced_words(text: str, keep: int, others: Sequence[str]) -> str | None:
    """Replace every word of a text but the first or the last.

    Parameters
    ----------
    text : str
        A text.
    keep : {0, -1}
        The word that stays.
    others : sequence of str
        Different words to choose from.

    Returns
    -------
    str or None
        A text of as many words; None where it has one word only, or where the word that stays holds more than letters
        and digits, so that a tokenizer might cut it by what stands beside it.

    Examples
    --------
    >>> replaced_words("the cat sat", 0, ["cat", "mat", "sat"])
    'the mat cat'
    """
    words = text.split()
    if len(words) < 2 or not words[keep].isalnum() or len(others) < 2:
        return None
    following = dict(zip(others, [*others[1:], others[0]], strict=True))
    new = [following.get(word, others[0]) for word in words]
    new[keep] = words[keep]
    return " ".join(new)


def replaced_letters(text: str, keep: int) -> str | None:
    """Replace every letter and digit of ASCII in a text, but for the first character or the last.

    Parameters
    ----------
    text : str
        A text.
    keep : {0, -1}
        The character that stays.

    Returns
    -------
    str or None
        A text of the same length; None where it is too short.

    Examples
    --------
    >>> replaced_letters("ab z9", 0)
    'ac a0'
    """
    if len(text) < 2:
        return None
    new = list(text.translate(_NEXT_LETTER))
    new[keep] = text[keep]
    return "".join(new)
