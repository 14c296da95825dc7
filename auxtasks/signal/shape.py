"""The shape of a signal's course: crossings of its mean and its slope."""

from __future__ import annotations

import numpy as np

from auxtasks.registry import extractor
from auxtasks.signal.layout import centred, from_first_step
from auxtasks.tensors import as_floats, float_dtype, namespace
from auxtasks.typing import Floats


@extractor(
    "zero_crossings",
    domain="signal",
    kind="vector",
    axes=["channel"],
    source="zero-crossing rate of the centred signal, Kedem 1986, Proc. IEEE 74(11):1477-1493; tsfresh "
    "number_crossing_m at the mean, over time - 1",
    graph=True,
)
def zero_crossings(X: Floats) -> Floats:
    """Rate at which each channel crosses its mean.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.

    Returns
    -------
    ndarray of float, shape (n, channels)
        Crossings per step, from 0 (a constant channel) to 1 (an alternating one), free of unit and offset, and
        comparable between series of different length. NaN for a single step.

    Notes
    -----
    The share of the ``time - 1`` pairs of neighbouring steps of which exactly one lies above the mean; a value equal to
    the mean does not lie above it.

    Examples
    --------
    >>> import numpy as np
    >>> zero_crossings(np.array([[[9.0], [11.0], [9.0], [9.0]]])).round(3)
    array([[0.667]])
    """
    xp, time = namespace(X), X.shape[1]
    if time < 2:
        missing: Floats = xp.full_like(X[:, 0], np.nan)
        return missing
    above = centred(X) > 0
    crossings = xp.count_nonzero(above[:, :, 1:] != above[:, :, :-1], axis=2)
    rate: Floats = as_floats(crossings, like=X) / (time - 1)
    return rate


@extractor(
    "slope",
    domain="signal",
    kind="vector",
    axes=["channel"],
    source="ordinary least squares on the step number; tsfresh linear_trend with attr 'slope'",
    graph=True,
)
def slope(X: Floats) -> Floats:
    """Slope of each channel's least-squares line.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.

    Returns
    -------
    ndarray of float, shape (n, channels)
        In the unit of the signal per step; 0 for a constant channel, NaN for a single step.

    Notes
    -----
    ``sum((t - mean(t)) x[t]) / sum((t - mean(t))²)`` over the steps ``t = 0, 1, …``.

    Examples
    --------
    >>> import numpy as np
    >>> slope(np.array([[[5.0], [7.0], [9.0]]]))
    array([[2.]])
    """
    xp, time = namespace(X), X.shape[1]
    if time < 2:
        missing: Floats = xp.full_like(X[:, 0], np.nan)
        return missing
    steps = np.arange(time) - (time - 1) / 2
    weights = (steps / (steps @ steps)).astype(float_dtype(X))
    result: Floats = xp.einsum("nct,t->nc", from_first_step(X), weights)
    return result
