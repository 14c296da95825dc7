"""Fitting a scaling to the statistics of a target."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auxtasks.scaling.columns import constant
from auxtasks.scaling.moments import Moments
from auxtasks.scaling.scaling import Scaling


def fit_scaling(found: Moments, dropped: Mapping[int, tuple[str, int]], eps: float, *, log1p: bool) -> Scaling:
    """Make the scaling to mean 0 and standard deviation 1.

    Parameters
    ----------
    found : Moments
        The statistics of every position; a vector is scaled by column, anything else by entry of its last axis.
    dropped : mapping of int to (str, int)
        The columns to leave out, with the reason and, for a copy, the column it copies.
    eps : float
        The relative rounding error of the values.
    log1p : bool
        Whether ``log1p`` comes first; the statistics are of what results.

    Returns
    -------
    Scaling
        With standard deviation 1 for what is kept and does not vary.

    Examples
    --------
    >>> fit_scaling(Moments(np.full(1, 2.0), np.ones(1), np.full(1, 8.0)), {}, 1e-7, log1p=False).std
    array([2.])
    """
    pooled = found if found.count.ndim == 1 else found.pooled()
    kept = tuple(i for i in range(len(pooled.mean)) if i not in dropped)
    # Where nothing varies (a dead channel of an image) there is nothing to divide by.
    std = np.where(constant(pooled, eps), 1.0, pooled.std)
    mean = np.where(pooled.count > 0, pooled.mean, np.nan)
    place = {column: position for position, column in enumerate(kept)}
    # A copy is found where its twin is; constants and columns without a value are found nowhere.
    origin = tuple(place.get(dropped.get(i, ("", i))[1], -1) for i in range(len(mean)))
    std[np.array(origin) < 0] = 0.0
    return Scaling(log1p, mean, std, kept, origin)
