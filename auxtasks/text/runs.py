"""Phrases of several tokens, on the model's tokens: which begin one and which go on."""

from __future__ import annotations

import numpy as np

from auxtasks.text.documents import Documents
from auxtasks.typing import Array

OUTSIDE = -1


def begins(X: Documents, run: Array) -> Array:
    """Mark the tokens of the model that begin a phrase.

    Parameters
    ----------
    X : Documents
        The texts.
    run : ndarray of int32
        For each of the tagger's tokens the number of its phrase in the text; -1 outside.

    Returns
    -------
    ndarray of bool, flat over the model's tokens
        True for the first token of each phrase. It is found on the model's tokens, so that of the pieces of one tagged
        word only the first begins the phrase, and a phrase whose first word vanished still begins.
    """
    owned = np.flatnonzero(X.owner >= 0)
    of_token = run[X.owner[owned]]
    same_text = np.diff(X.spans.row[owned], prepend=-1) == 0
    goes_on = same_text & (np.diff(of_token, prepend=OUTSIDE - 1) == 0)
    result = np.zeros(len(X.owner), bool)
    result[owned] = (of_token != OUTSIDE) & ~goes_on
    return result


def inside_out_begin(X: Documents, run: Array, kind: Array) -> Array:
    """Give every token of the model its number in the IOB scheme.

    Parameters
    ----------
    X : Documents
        The texts.
    run : ndarray of int32
        As for `begins`.
    kind : ndarray of int32
        The kind of phrase of each of the tagger's tokens, from 0; -1 for a kind that has no number.

    Returns
    -------
    ndarray of int32, flat over the model's tokens
        0 outside, ``1 + 2 * kind`` where a phrase begins, ``2 + 2 * kind`` where it goes on; -1 where the tagger says
        nothing, and for kinds without a number.
    """
    label = np.where(run == OUTSIDE, 0, np.where(kind >= 0, 2 + 2 * kind, -1)).astype(np.int32)
    labels = X.aligned(label)
    result: Array = np.where(begins(X, run) & (labels > 0), labels - 1, labels)
    return result


def iob_names(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the classes of `inside_out_begin`."""
    return ("O", *(f"{place}-{kind}" for kind in kinds for place in ("B", "I")))
