"""One body for arrays and for tensors: the functions that both have by the same names, and squares at every magnitude.

A task computes on NumPy arrays when targets are made beforehand, and on tensors when they are made inside a training
step or a `tf.data` pipeline. A function written over `namespace` serves both, on each backend of Keras. In-place
arithmetic such as ``x -= y`` writes into arrays and PyTorch's tensors, and makes a new tensor elsewhere, so that it is
for what the function itself has made; ``out=`` and writing to parts of an array are for arrays only. Arithmetic between
a tensor and an array asks for `constant`; a function of `namespace` takes both.

Where squares would overflow or vanish, `homogeneous` computes them in another unit: a power of two for each sample, or
for each channel of a signal, so that changing to it and back is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from auxtasks.typing import Array, Floats


def namespace(X: Any) -> Any:
    """Return the module whose functions take what `X` is: `numpy` for an array, `keras.ops` for a tensor.

    Examples
    --------
    >>> namespace(np.ones(2)).sqrt(4.0).item()
    2.0
    """
    if isinstance(X, np.ndarray):
        return np
    from keras import ops

    return ops


def float_dtype(X: Any) -> np.dtype[np.floating]:
    """Return NumPy's dtype of an array or tensor of floats, for constants to be made in."""
    if isinstance(X, np.ndarray):
        dtype: np.dtype[np.floating] = X.dtype
    else:
        import keras

        dtype = np.dtype(keras.backend.standardize_dtype(X.dtype))
    return dtype


def constant(values: Any, *, like: Any) -> Any:
    """Return an array of numbers as what can be computed with an array or tensor of floats, in its dtype."""
    array = np.asarray(values, float_dtype(like))
    return array if isinstance(like, np.ndarray) else namespace(like).convert_to_tensor(array)


def as_floats(values: Any, *, like: Any) -> Any:
    if isinstance(values, np.ndarray):
        return values.astype(like.dtype)
    return namespace(values).cast(values, like.dtype)


def homogeneous(function: Callable[[Any], Any], X: Any, *, degree: int = 1, units: int = 1) -> Floats:
    """Call a function of squares for which ``f(c x) = c**degree f(x) >= 0``, without overflow within it.

    So many leading axes, which the result has too, tell apart what has a unit of its own: samples, or their channels.
    Of arrays only those whose result shows that squares were lost are computed anew, which costs others nothing.
    """
    if not isinstance(X, np.ndarray):
        scaled, powers = to_unit_size(X, units)
        return in_units(function(scaled), powers, degree)
    with np.errstate(over="ignore", invalid="ignore"):
        found: Floats = function(X)
    largest = largest_of(found, units)
    doubtful = doubted(largest, degree)
    if doubtful is not None:
        chosen = X[doubtful]
        # Of nothing but zeros, such as of a dead channel, nothing was lost.
        if chosen.any():
            scaled, powers = to_unit_size(chosen.reshape(-1, *[1] * (units - 1), *X.shape[units:]), units)
            replace_lost(found, in_units(function(scaled), powers, degree), doubtful, largest, degree)
    return found


def largest_of(found: Floats, units: int = 1) -> Floats:
    return found if found.ndim == units else found.max(axis=tuple(range(units, found.ndim)))


@lru_cache(maxsize=8)
def _least(dtype: np.dtype[np.floating], degree: int) -> float:
    """Return the size of a result beside which a square that vanished is less than rounding."""
    kind = np.finfo(dtype)
    return float((float(kind.tiny) ** 0.5 / float(kind.eps)) ** degree)


def doubted(largest: Floats, degree: int = 1) -> Array | None:
    """Tell of which samples, or channels, the largest result is not finite or too small to trust; None if of none."""
    least = _least(largest.dtype, degree)
    if np.min(largest, initial=np.inf) >= least and np.max(largest, initial=0) < np.inf:
        return None
    return np.asarray(~((largest >= least) & (largest < np.inf)))


def replace_lost(found: Floats, anew: Floats, doubtful: Array, largest: Floats, degree: int = 1) -> None:
    """Put what was computed anew in the place of results too small to trust, and of those that are not finite."""
    old = found[doubtful]
    small = largest[doubtful] < _least(largest.dtype, degree)
    lost = small.reshape(-1, *[1] * (old.ndim - 1)) | ~np.isfinite(old)
    found[doubtful] = np.where(lost, anew.reshape(old.shape), old)


def to_unit_size(X: Any, units: int = 1) -> tuple[Any, Any]:
    """Divide each sample, or each channel, by the power of two that brings it between -2 and 2."""
    xp = namespace(X)
    # With an initial value, because Keras refuses a batch without samples otherwise.
    powers = _powers_of_two(xp.max(xp.abs(X), axis=tuple(range(units, X.ndim)), keepdims=True, initial=0))
    return X / powers, powers


def in_units(found: Floats, powers: Any, degree: int = 1) -> Floats:
    """Undo `to_unit_size` in a result of that degree; of arrays, what is not 0 does not become it."""
    xp = namespace(found)
    powers = xp.reshape(powers, (-1, *powers.shape[1 : found.ndim], *[1] * (found.ndim - powers.ndim)))
    # One after the other, because the square of a power of two may lie out of range where the result does not.
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
    xp, dtype = namespace(peaks), float_dtype(peaks)
    # The bits of the exponent alone. Subnormal numbers have none, and count as 0 in tensors anyway.
    integers, exponent = (np.int32, 0xFF << 23) if dtype == np.float32 else (np.int64, 0x7FF << 52)
    powers = xp.view(xp.bitwise_and(xp.view(peaks, integers.__name__), integers(exponent)), dtype.name)
    return xp.where(powers > 0, powers, xp.ones_like(powers))
