"""Where a signal's values lie: mean, root mean square and quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.extractors.signal.layout import by_channel, centred, from_first_step, products
from auxtasks.extractors.tensors import as_floats, constant, float_dtype, homogeneous, namespace
from auxtasks.registry import register_task
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_number


def _mean_of_tensors(X: Any) -> Any:
    # Around the first value, because tensors are summed one after the other.
    return X[:, 0] + namespace(X).mean(from_first_step(X), axis=2)


@register_task(
    "mean",
    domain="signal",
    kind="vector",
    axes=["channel"],
    source="arithmetic mean; tsfresh mean",
    tensor_function=_mean_of_tensors,
)
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


def _rms_of_tensors(X: Any) -> Any:
    return homogeneous(_rms_around_mean, by_channel(X), units=2)


def _rms_around_mean(series: Any) -> Any:
    """Add to the mean what the spread makes of it: ``rms - |mean| = std² / (rms + |mean|)``."""
    xp, first = namespace(series), series[:, :, 0]
    deviations = series - first[:, :, None]
    beyond = xp.mean(deviations, axis=2)
    middle, variance = xp.abs(first + beyond), xp.mean(xp.square(deviations - beyond[:, :, None]), axis=2)
    return middle + xp.divide_no_nan(variance, xp.sqrt(xp.square(middle) + variance) + middle)


@register_task(
    "rms",
    domain="signal",
    kind="vector",
    log1p=True,
    axes=["channel"],
    source="root mean square; tsfresh root_mean_square",
    tensor_function=_rms_of_tensors,
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
    return homogeneous(_root_mean_square, by_channel(X), units=2)


def _root_mean_square(series: Any) -> Any:
    squares = products(series, series)
    squares /= series.shape[2]
    return namespace(series).sqrt(squares)


@register_task(
    "quantiles",
    domain="signal",
    kind="vector",
    axes=["channel", "quantile"],
    source="Hyndman & Fan 1996, Am. Stat. 50(4):361-365, type 7, as numpy.quantile; tsfresh quantile",
    tensor_function=True,
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
    share = constant(positions - below, like=X)
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


@register_task(
    "std",
    domain="signal",
    kind="vector",
    log1p=True,
    axes=["channel"],
    default=True,
    weight_scale=0.1,
    source="population standard deviation; tsfresh standard_deviation",
    tensor_function=True,
)
def std(X: Floats) -> Floats:
    """Spread of each channel: its standard deviation.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.

    Returns
    -------
    ndarray of float, shape (n, channels)
        Non-negative, in the unit of the signal; exactly 0 for a constant channel or a single step.

    Notes
    -----
    ``sqrt(mean((x - mean(x))²))`` over time, the population form (``ddof=0``), as `numpy.std` and tsfresh's
    ``standard_deviation`` have it.

    Examples
    --------
    >>> import numpy as np
    >>> std(np.array([[[1.0], [3.0]]]))
    array([[1.]])
    """
    return homogeneous(_root_mean_square, centred(X), units=2)


def _changes_of_tensors(X: Any) -> Any:
    xp = namespace(X)
    return xp.sum(xp.abs(X[:, 1:] - X[:, :-1]), axis=1)


@register_task(
    "abs_sum_changes",
    domain="signal",
    kind="vector",
    log1p=True,
    axes=["channel"],
    default=True,
    weight_scale=0.1,
    source="total variation; tsfresh absolute_sum_of_changes",
    tensor_function=_changes_of_tensors,
)
def abs_sum_changes(X: Floats) -> Floats:
    """Sum of the absolute changes from step to step of each channel.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.

    Returns
    -------
    ndarray of float, shape (n, channels)
        Non-negative, in the unit of the signal; 0 for a constant channel or a single step. It grows with the length
        of the series.

    Notes
    -----
    ``sum(|x[t + 1] - x[t]|)`` over time, as tsfresh's ``absolute_sum_of_changes`` has it.

    Examples
    --------
    >>> import numpy as np
    >>> abs_sum_changes(np.array([[[1.0], [3.0], [2.0]]]))
    array([[3.]])
    """
    changes = X[:, 1:] - X[:, :-1]
    np.abs(changes, out=changes)
    return np.asarray(by_channel(changes).sum(axis=2))


@register_task(
    "zero_crossings",
    domain="signal",
    kind="vector",
    axes=["channel"],
    source="zero-crossing rate of the centred signal, Kedem 1986, Proc. IEEE 74(11):1477-1493; tsfresh "
    "number_crossing_m at the mean, over time - 1",
    tensor_function=True,
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
    crossings = xp.sum(above[:, :, 1:] != above[:, :, :-1], axis=2)
    rate: Floats = as_floats(crossings, like=X) / (time - 1)
    return rate


@register_task(
    "slope",
    domain="signal",
    kind="vector",
    axes=["channel"],
    source="ordinary least squares on the step number; tsfresh linear_trend with attr 'slope'",
    tensor_function=True,
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
