"""Decisions, and the one with most votes."""

from __future__ import annotations

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array

MISSING = -1


def vote(stacked: Array, shares: Array) -> Array:
    """Return the decision with most votes.

    Parameters
    ----------
    stacked : ndarray, shape (predictors, n, ...)
        Probabilities in floats, or decisions in integers or booleans.
    shares : ndarray of float, shape (predictors,)
        The votes that each predictor has.

    Returns
    -------
    ndarray
        Decisions; the smallest of those with equally many votes, -1 where there is no vote.

    Raises
    ------
    InvalidInputError
        If single floats are no probabilities.

    Examples
    --------
    >>> vote(np.array([[2, 0, -1], [1, 0, -1]]), np.array([1.0, 1.0])).tolist()
    [1, 0, -1]
    """
    decisions = _decide(stacked) if stacked.dtype.kind == "f" else stacked
    signed = decisions.dtype.kind == "i"
    candidates = np.unique(decisions)
    most = np.zeros(decisions.shape[1:])
    winner = np.full(decisions.shape[1:], MISSING if signed else 0, dtype=decisions.dtype)
    # In ascending order, and only more votes than before win.
    for candidate in candidates[candidates != MISSING] if signed else candidates:
        votes = np.tensordot(shares, (decisions == candidate).astype(np.float64), axes=1)
        # A rounded sum of weights is no majority.
        wins = votes > most + 1e-9 * shares.sum()
        most, winner = np.where(wins, votes, most), np.where(wins, candidate, winner)
    return winner


def _decide(stacked: Array) -> Array:
    """Return the class that each row of probabilities is for, -1 where there is none."""
    if stacked.ndim > 2 and stacked.shape[-1] > 1:
        missing: Array = np.asarray(np.isnan(stacked).any(axis=-1))
        return np.where(missing, MISSING, np.where(missing[..., None], 0, stacked).argmax(axis=-1))
    if ((stacked < 0) | (stacked > 1)).any():
        raise InvalidInputError(
            f"`predictions`: a vote takes probabilities of classes (n, k) or of one class (n,), or classes as "
            f"integers; found floats of shape {stacked.shape[1:]} outside 0 to 1. For logits apply the sigmoid."
        )
    decided: Array = np.where(np.isnan(stacked), MISSING, (stacked > 0.5).astype(np.int64))
    return decided[..., 0] if stacked.ndim > 2 else decided
