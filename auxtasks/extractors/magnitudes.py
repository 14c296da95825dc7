"""Squares at every magnitude: where they would overflow or vanish, they are computed in another unit.

That unit is a power of two for each sample, or for each channel of a signal, so that changing to it and back is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from auxtasks.extractors.tensors import float_dtype, namespace
from auxtasks.typing import Array, Floats


def homogeneous(function: Callable[[Any], Any], X: Any, *, degree: int = 1, by_channel: bool = False) -> Any:
    """Call a function of squares for which ``f(c x) = c**degree f(x) >= 0``, without overflow within it.

    Of arrays only samples whose result shows that squares were lost are computed anew, which costs other samples
    nothing; with `by_channel` only such channels of signals (n, time, channels), whose result is (n, channels).
    """
    if not isinstance(X, np.ndarray):
        scaled, powers = to_unit_size(X, by_channel=by_channel)
        return in_units(function(scaled), powers, degree)
    with np.errstate(over="ignore", invalid="ignore"):
        found: Floats = function(X)
    doubtful, small = doubted(found, degree, by_channel=by_channel)
    if doubtful.any():
        chosen = X.transpose(0, 2, 1)[doubtful][:, :, None] if by_channel else X[doubtful]
        scaled, powers = to_unit_size(chosen, by_channel=by_channel)
        anew = in_units(function(scaled), powers, degree)
        replace_lost(found, anew, doubtful, small)
    return found


def doubted(found: Floats, degree: int = 1, *, by_channel: bool = False) -> tuple[Array, Array]:
    """Tell of which samples, or channels, a result is not finite or too small to trust, and of which it is too small.

    A square that vanished is at most the smallest normal number: beside ``tiny / eps**2`` it is less than rounding.
    """
    largest = found if by_channel else found.reshape(len(found), -1).max(axis=1)
    kind = np.finfo(found.dtype)
    small = largest < (float(kind.tiny) ** 0.5 / float(kind.eps)) ** degree
    return small | ~np.isfinite(largest), small


def replace_lost(found: Floats, anew: Floats, doubtful: Array, small: Array) -> None:
    """Put what was computed anew in the place of results too small to trust, and of those that are not finite."""
    old = found[doubtful]
    lost = small[doubtful].reshape(-1, *[1] * (old.ndim - 1)) | ~np.isfinite(old)
    found[doubtful] = np.where(lost, anew.reshape(old.shape), old)


def to_unit_size(X: Any, *, by_channel: bool = False) -> tuple[Any, Any]:
    """Divide each sample, or each channel of a signal, by the power of two that brings it between -2 and 2."""
    xp = namespace(X)
    axes = 1 if by_channel else tuple(range(1, X.ndim))
    powers = _powers_of_two(xp.max(xp.abs(X), axis=axes, keepdims=True))
    return X / powers, powers[:, 0] if by_channel else powers


def in_units(found: Any, powers: Any, degree: int = 1) -> Any:
    """Undo `to_unit_size` in a result of that degree; of arrays, what is not 0 does not become it."""
    xp = namespace(found)
    # One after the other, because the square of a power of two may lie out of range where the result does not.
    powers = xp.reshape(powers, (-1, *powers.shape[1 : found.ndim], *[1] * (found.ndim - powers.ndim)))
    result = found
    with np.errstate(over="ignore", under="ignore"):
        for _ in range(degree):
            result = result * powers
    if isinstance(result, np.ndarray):
        vanished = (result == 0) & (found != 0)
        result[vanished] = np.copysign(np.finfo(result.dtype).smallest_subnormal, found[vanished])
    return result


def _powers_of_two(peaks: Any) -> Any:
    """Return the power of two at or below each number; any power for 0."""
    if isinstance(peaks, np.ndarray):
        return np.ldexp(peaks.dtype.type(1), np.frexp(peaks)[1] - 1)
    import tensorflow as tf

    # The bits of the exponent alone. Subnormal numbers have none, and count as 0 in tensors anyway.
    integers, exponent = (tf.int32, 0xFF << 23) if float_dtype(peaks) == np.float32 else (tf.int64, 0x7FF << 52)
    powers = tf.bitcast(tf.bitwise.bitwise_and(tf.bitcast(peaks, integers), exponent), peaks.dtype)
    return tf.where(powers > 0, powers, tf.ones_like(powers))
