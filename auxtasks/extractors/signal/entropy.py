"""How irregular a signal is: entropy of its spectrum and of its ordinal patterns."""

from __future__ import annotations

from math import factorial, log
from typing import Any

import numpy as np

from auxtasks.extractors.signal.layout import by_channel, normalised
from auxtasks.extractors.signal.spectrum import one_sided_power
from auxtasks.extractors.tensors import float_dtype, namespace
from auxtasks.registry import register_task
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_int


@register_task(
    "spectral_entropy",
    domain="signal",
    kind="vector",
    axes=["channel"],
    source="Inouye et al. 1991, Electroencephalogr. Clin. Neurophysiol. 79(3):204-210, on scipy.signal.periodogram",
    tensor_function=True,
)
def spectral_entropy(X: Floats) -> Floats:
    """Normalised Shannon entropy of each channel's power spectrum.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.

    Returns
    -------
    ndarray of float, shape (n, channels)
        From 0 (one sine) to 1 (the same power at every frequency), free of unit and offset. NaN for a constant
        channel, and for fewer than 4 steps, which have but one frequency above 0.

    Notes
    -----
    ``-sum(p log p) / log(K)`` with ``p`` the share of each of the ``K = time // 2`` frequencies above 0 in the
    one-sided periodogram of the signal less its mean.

    Examples
    --------
    >>> import numpy as np
    >>> steps = np.arange(32.0).reshape(1, 32, 1)
    >>> spectral_entropy(np.sin(2 * np.pi * steps / 8)).round(6)
    array([[0.]])
    >>> spectral_entropy((steps == 0) * 1.0).round(2)  # a click holds all frequencies
    array([[1.]])
    """
    xp, time = namespace(X), X.shape[1]
    if time < 4:
        missing: Floats = xp.full_like(X[:, 0], np.nan)
        return missing
    shares = one_sided_power(normalised(X)[0])
    shares /= xp.sum(shares, axis=2, keepdims=True)
    entropy = _sum_of_entropies(shares)
    entropy /= log(time // 2)
    result: Floats = xp.clip(entropy, 0, 1)
    return result


def _sum_of_entropies(shares: Any) -> Any:
    """Sum -p log p over the last axis; an array is overwritten."""
    if isinstance(shares, np.ndarray):
        from scipy.special import entr

        return entr(shares, out=shares).sum(axis=-1)
    xp = namespace(shares)
    # The maximum gives 0 a logarithm, and hands NaN on.
    return -xp.sum(shares * xp.log(xp.maximum(shares, float(np.finfo(float_dtype(shares)).tiny))), axis=-1)


@register_task(
    "permutation_entropy",
    domain="signal",
    kind="vector",
    axes=["channel"],
    source="Bandt & Pompe 2002, Phys. Rev. Lett. 88:174102; tsfresh permutation_entropy over log(order!)",
)
def permutation_entropy(X: Floats, *, order: int = 3, delay: int = 1) -> Floats:
    """Normalised Shannon entropy of each channel's ordinal patterns.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.
    order : int, default 3
        The values compared in a pattern, from 2 to 7.
    delay : int, default 1
        The steps from one value of a pattern to the next.

    Returns
    -------
    ndarray of float, shape (n, channels)
        From 0 (one pattern only, as in a rising or a constant channel) to 1 (all patterns equally frequent), free of
        unit and offset. NaN for series of fewer than ``(order - 1) * delay + 1`` steps.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If an option is not an integer or out of its range.

    Notes
    -----
    ``-sum(p log p) / log(order!)`` with ``p`` the frequencies of the orders in which ``x[t], x[t + delay], …`` are
    sorted. Of equal values the earlier counts as the smaller, as a stable sort has it. Series with fewer patterns than
    ``order!`` cannot reach 1.

    Examples
    --------
    >>> import numpy as np
    >>> steps = np.arange(6.0)
    >>> permutation_entropy(np.stack([steps, steps % 2], axis=1)[None]).round(3)
    array([[0.   , 0.387]])
    """
    order = check_int("order", order, low=2, high=7)
    delay = check_int("delay", delay, low=1)
    n, time, channels = X.shape
    windows = time - (order - 1) * delay
    if windows < 1:
        return np.full((n, channels), np.nan, X.dtype)
    codes = _pattern_codes(by_channel(X).reshape(n * channels, time), order, delay, windows)
    # The entropy of counts k of N windows is log N - sum(k log k) / N.
    entropy = (log(windows) - _sums_of_k_log_k(codes, factorial(order)) / windows) / log(factorial(order))
    result: Floats = np.clip(entropy, 0, 1).reshape(n, channels).astype(X.dtype)
    return result


def _pattern_codes(series: Floats, order: int, delay: int, windows: int) -> Array:
    """Give each window the Lehmer code of its pattern: how many later values are smaller, as mixed-radix digits."""
    codes = np.zeros((len(series), windows), np.int64)
    for i in range(order - 1):
        earlier = series[:, i * delay : i * delay + windows]
        for j in range(i + 1, order):
            codes += (series[:, j * delay : j * delay + windows] < earlier) * factorial(order - 1 - i)
    return codes


def _sums_of_k_log_k(codes: Array, n_codes: int) -> Floats:
    """Sum k log k over the counts k of the codes in each row."""
    from scipy.special import xlogy

    n_rows, windows = codes.shape
    codes += np.arange(n_rows)[:, None] * n_codes
    if n_codes <= windows:
        counts = np.bincount(codes.ravel(), minlength=n_rows * n_codes).reshape(n_rows, n_codes)
        return np.asarray(xlogy(counts, counts).sum(axis=1))
    # A table of all codes would be larger than the signals: count only those that occur.
    found, counts = np.unique(codes, return_counts=True)
    return np.bincount(found // n_codes, weights=xlogy(counts, counts), minlength=n_rows).astype(np.float64)
