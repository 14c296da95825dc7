"""How much of a class per step the input at the same step explains."""

from __future__ import annotations

import numpy as np

from auxtasks.audit.screen.columns import frequencies, standardised
from auxtasks.audit.screen.features import CLASSES
from auxtasks.audit.screen.main_labels import FEWEST
from auxtasks.audit.screen.ridge import deal, shares_explained
from auxtasks.typing import Array

_STEPS, _FOLDS = 10_000, 5


def step_share(inputs: Array, target: Array, *, words: bool, seed: int) -> float:
    """Tell how much of a class per step is a linear function of the input at this step.

    Parameters
    ----------
    inputs : ndarray, shape (n, time) or (n, time, columns)
        The inputs; numbers of words are negative where padded.
    target : ndarray of int, shape (n, time)
        The classes; negative where missing.
    words : bool
        Whether inputs are numbers of words, of which the 200 most frequent are told apart.
    seed : int
        Of the folds, and of the up to 10,000 steps drawn.

    Returns
    -------
    float
        The share of the variance of the columns of classes, in samples the map was not fitted to. NaN where
        fewer than 10 samples have a class.

    Examples
    --------
    >>> words = np.random.default_rng(0).integers(0, 5, (30, 4))
    >>> round(step_share(words, words % 2, words=True, seed=0), 3)
    1.0
    """
    known = (target >= 0) & (inputs >= 0) if words else target >= 0
    if known.any(axis=1).sum() < FEWEST:
        return float("nan")
    places = np.argwhere(known)
    if len(places) > _STEPS:
        places = np.random.default_rng(seed).choice(places, _STEPS, replace=False)
    rows, steps = places.T
    chosen = inputs[rows, steps]
    if words:
        source = standardised(frequencies(chosen[:, None], CLASSES), each=False)
    else:
        source = standardised(chosen.reshape(len(chosen), -1).astype(np.float64))
    classes = standardised(frequencies(target[rows, steps][:, None], CLASSES), each=False)
    return shares_explained(source, [classes], deal(len(target), _FOLDS, seed)[rows])[0]
