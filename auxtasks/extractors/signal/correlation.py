"""How a signal goes with itself and its channels with each other."""

from __future__ import annotations

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.signal.layout import check_count, normalised, products
from auxtasks.extractors.tensors import namespace
from auxtasks.registry import register_task
from auxtasks.typing import Floats


@register_task(
    "autocorrelation",
    domain="signal",
    kind="vector",
    axes=["channel", "lag"],
    source="sample autocorrelation, Box & Jenkins 1976, Time Series Analysis, ch. 2; statsmodels.tsa.stattools.acf "
    "with adjusted=False",
    tensor_function=True,
)
def autocorrelation(X: Floats, *, n_lags: int = 10) -> Floats:
    """Autocorrelation of each channel at the first lags.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.
    n_lags : int, default 10
        How many lags, from 1 on; more than a series has, up to 65,536, are missing.

    Returns
    -------
    ndarray of float, shape (n, channels, n_lags)
        From -1 to 1, free of unit and offset. NaN for a constant channel and for lags a series is too short to have
        (``lag >= time``).

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If `n_lags` is not an integer of at least 1, or too large.

    Notes
    -----
    ``sum(d[t] d[t + lag]) / sum(d[t]²)`` with ``d = x - mean(x)``: both sums are over the whole series, the biased
    form, which unlike the unbiased one stays within [-1, 1]. tsfresh's ``autocorrelation`` is the unbiased one, larger
    by ``time / (time - lag)``.

    Examples
    --------
    >>> import numpy as np
    >>> autocorrelation(np.array([[[1.0], [-1.0], [1.0], [-1.0]]]), n_lags=4)
    array([[[-0.75,  0.5 , -0.25,   nan]]])
    """
    xp, time = namespace(X), X.shape[1]
    lags = check_count("n_lags", n_lags, time - 1)
    deviations, _ = normalised(X)
    energy = products(deviations, deviations)
    found = [products(deviations[:, :, lag:], deviations[:, :, :-lag]) for lag in range(1, min(lags, time - 1) + 1)]
    found += [xp.full_like(energy, np.nan)] * (lags - len(found))
    result: Floats = xp.stack(found, axis=2)
    result /= energy[:, :, None]
    return result


@register_task(
    "channel_correlation",
    domain="signal",
    kind="vector",
    axes=["pair"],
    source="Pearson correlation coefficient, numpy.corrcoef",
    tensor_function=True,
)
def channel_correlation(X: Floats) -> Floats:
    """Correlation of each pair of channels.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, of two channels or more, each in any unit.

    Returns
    -------
    ndarray of float, shape (n, channels * (channels - 1) / 2)
        From -1 to 1, in the order (0, 1), (0, 2), …, (1, 2), …; NaN where one of the two is constant.

    Raises
    ------
    InvalidInputError
        If the signals have one channel only.

    Notes
    -----
    Pearson's ``sum(d_i d_j) / sqrt(sum(d_i²) sum(d_j²))`` over time, with ``d = x - mean(x)``.

    Examples
    --------
    >>> import numpy as np
    >>> rising = np.array([1.0, 2.0, 3.0])
    >>> channel_correlation(np.stack([rising, 5 - rising, rising**0], axis=1)[None])
    array([[-1., nan, nan]])
    """
    if X.shape[2] < 2:
        raise InvalidInputError(
            "`tasks`: 'channel_correlation' needs signals of at least 2 channels; got X of shape "
            f"{X.shape} (n, time, channels). Leave the task out."
        )
    deviations, _ = normalised(X)
    xp, channels = namespace(X), X.shape[2]
    deviations /= xp.sqrt(products(deviations, deviations))[:, :, None]
    first, second = np.triu_indices(channels, k=1)
    every = xp.reshape(xp.matmul(deviations, xp.swapaxes(deviations, 1, 2)), (-1, channels * channels))
    result: Floats = xp.clip(xp.take(every, first * channels + second, axis=1), -1, 1)
    return result
