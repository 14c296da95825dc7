"""Where a signal's values lie: mean, root mean square and quantiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.registry import extractor
from auxtasks.signal.layout import by_channel, products
from auxtasks.tensors import float_dtype, namespace
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_number


@extractor("mean", domain="signal", kind="vector", axes=["channel"], source="arithmetic mean; tsfresh mean", graph=True)
def mean(X: Floats) -> Floats:
    """Mean of each channel over time.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.

    Returns
    -------
    ndarray of float, shape (n, channels)
        In the unit of the signal.

    Notes
    -----
    ``sum(x) / time``.

    Examples
    --------
    >>> import numpy as np
    >>> mean(np.array([[[1.0], [4.0]]]))
    array([[2.5]])
    """
    result: Floats = namespace(X).mean(by_channel(X), axis=2)
    return result


@extractor(
    "rms",
    domain="signal",
    kind="vector",
    log1p=True,
    axes=["channel"],
    source="root mean square; tsfresh root_mean_square",
    graph=True,
)
def rms(X: Floats) -> Floats:
    """Root mean square of each channel.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.

    Returns
    -------
    ndarray of float, shape (n, channels)
        Non-negative, in the unit of the signal; the absolute value of a constant channel.

    Notes
    -----
    ``sqrt(mean(x²))`` over time, the offset included: ``rms² = mean² + std²``.

    Examples
    --------
    >>> import numpy as np
    >>> rms(np.array([[[1.0], [-7.0]]]))
    array([[5.]])
    """
    series = by_channel(X)
    squares = products(series, series)
    squares /= X.shape[1]
    result: Floats = namespace(X).sqrt(squares)
    return result


@extractor(
    "quantiles",
    domain="signal",
    kind="vector",
    axes=["channel", "quantile"],
    source="Hyndman & Fan 1996, Am. Stat. 50(4):361-365, type 7, as numpy.quantile; tsfresh quantile",
    graph=True,
)
def quantiles(X: Floats, *, q: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95)) -> Floats:
    """Quantiles of each channel's values.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.
    q : sequence of float, default (0.05, 0.25, 0.5, 0.75, 0.95)
        The probabilities, each from 0 (the smallest value) to 1 (the largest).

    Returns
    -------
    ndarray of float, shape (n, channels, len(q))
        In the unit of the signal, in the order of `q`; all the same for a constant channel or a single step.

    Raises
    ------
    InvalidTypeError
        If `q` is not a list or tuple of numbers.
    InvalidInputError
        If `q` is empty or a number lies outside [0, 1].

    Notes
    -----
    Linear interpolation between the two sorted values next to position ``q (time - 1)``, as ``numpy.quantile`` does by
    default.

    Examples
    --------
    >>> import numpy as np
    >>> quantiles(np.array([[[4.0], [1.0], [3.0]]]), q=(0, 0.25, 1))
    array([[[1., 2., 4.]]])
    """
    positions = _check_probabilities(q) * (X.shape[1] - 1)
    below = positions.astype(np.intp)
    above = np.minimum(below + 1, X.shape[1] - 1)
    share = (positions - below).astype(float_dtype(X))
    xp = namespace(X)
    ordered = xp.sort(by_channel(X), axis=2)
    low = xp.take(ordered, below, axis=2)
    result: Floats = low + (xp.take(ordered, above, axis=2) - low) * share
    return result


def _check_probabilities(q: Sequence[float]) -> Array:
    if not isinstance(q, (list, tuple)):
        raise InvalidTypeError(f"`q` must be a list or tuple of numbers; got {q!r} of type {type(q).__name__}.")
    if not q:
        raise InvalidInputError("`q` must hold at least one number from 0 to 1; got none.")
    return np.array([check_number("q", value, low=0, high=1) for value in q])
