"""The loss of guessing numbers: what the best constant prediction costs on the training data."""

from __future__ import annotations

from auxtasks.scaling.moments import Moments
from auxtasks.scaling.scaling import Scaling


def chance_of_numbers(found: Moments, scaling: Scaling | None) -> float:
    """Compute the mean squared error of predicting the mean at every position.

    Parameters
    ----------
    found : Moments
        The statistics of every position.
    scaling : Scaling or None
        The scaling, if the target is trained in other units than its own.

    Returns
    -------
    float
        In the squared units that are trained: 1 for a scaled vector. For an image it is below 1 where pixels differ in
        their means, which a constant prediction knows too.

    Examples
    --------
    >>> import numpy as np
    >>> chance_of_numbers(Moments(np.full(1, 2.0), np.ones(1), np.full(1, 8.0)), None)
    4.0
    """
    squares, count = found.squares, found.count
    if scaling is not None:
        kept = list(scaling.kept)
        squares, count = squares[..., kept] / scaling.std[kept] ** 2, count[..., kept]
    return float(squares.sum() / max(1.0, float(count.sum())))
