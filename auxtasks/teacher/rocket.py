"""Features of series: how often convolutions with few fixed kernels exceed quantiles of what they give."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from auxtasks.typing import Array, Floats

LENGTH = 9
"""Of a kernel."""
KERNELS = tuple(combinations(range(LENGTH), 3))
"""Where the three weights 2 of each kernel stand; the other six are -1."""
_MAX_DILATIONS = 32
_CHUNK = 2**20
"""Numbers of a chunk of series, over all channels."""


class Convolution(NamedTuple):
    """One kernel, spread out by a dilation, over the sum of some channels, and what its values are compared with."""

    kernel: int
    dilation: int
    channels: Array
    padded: bool  # whether the kernel may reach beyond the ends, where there is nothing but zeros
    biases: Floats


class Rocket:
    """MiniRocket features of series, which may have several channels and different lengths.

    Each of the 84 kernels of length 9 with three weights 2 and six weights -1 is laid over the series at several
    dilations; a feature is the share of steps at which the result exceeds a bias. Biases are quantiles of the results
    for series drawn from the training data. Of several channels each convolution reads the sum of a random few.

    Source: Dempster, Schmidt and Webb 2021, "MiniRocket", KDD; for several channels and different lengths their
    supplement and the ``aeon`` package, against which the tests compare. That package is no dependency, because it
    compiles with Numba, whose size and range of Python versions every user would pay for.

    Parameters
    ----------
    n_features : int, default 2520
        About how many features: as many for each kernel.
    seed : int, default 0
        Decides which series and channels are drawn.
    """

    def __init__(self, n_features: int = 2520, seed: int = 0) -> None:
        self.n_features = n_features
        self.seed = seed
        self.convolutions: list[Convolution] = []

    def fit(self, X: Floats, lengths: Array) -> Rocket:
        """Draw the convolutions, for series of shape (n, time, channels) that hold zeros behind their lengths."""
        rng = np.random.default_rng(self.seed)
        per_kernel = max(1, self.n_features // len(KERNELS))
        dilations, counts = _dilations(int(np.median(lengths)), per_kernel)
        quantiles = _low_discrepancy(len(KERNELS) * per_kernel)
        n_channels, taken = X.shape[2], 0
        self.convolutions = []
        for place, (dilation, n_biases) in enumerate(zip(dilations, counts, strict=True)):
            for kernel in range(len(KERNELS)):
                at_most = int(np.log2(min(n_channels, LENGTH)) * rng.random() + 1e-9)
                channels = np.sort(rng.choice(n_channels, min(n_channels, 2**at_most), replace=False))
                padded = bool((place + kernel) % 2 == 0)
                row = int(rng.integers(len(X)))
                shifts = _Shifted(X[row : row + 1], dilation)
                values = shifts.convolved(kernel, channels)[0]
                values = values[_inside(lengths[row : row + 1], X.shape[1], dilation, padded)[0]]
                biases = np.quantile(values, quantiles[taken : taken + n_biases]).astype(X.dtype)
                taken += n_biases
                self.convolutions.append(Convolution(kernel, dilation, channels, padded, biases))
        return self

    def transform(self, X: Floats, lengths: Array) -> Floats:
        """Return the features, shape (n, features) of float32."""
        width = sum(len(each.biases) for each in self.convolutions)
        features = np.empty((len(X), width), np.float32)
        rows = max(1, _CHUNK // max(1, X.shape[1] * X.shape[2]))
        for start in range(0, len(X), rows):
            part = slice(start, start + rows)
            for at, found in self._of_chunk(X[part], lengths[part]):
                features[part, at : at + found.shape[1]] = found
        return features

    def _of_chunk(self, X: Floats, lengths: Array) -> Iterator[tuple[int, Floats]]:
        at, dilation = 0, 0
        alike = bool((lengths == X.shape[1]).all())
        for each in self.convolutions:
            if each.dilation != dilation:
                dilation = each.dilation
                shifts = _Shifted(X, dilation)
                inside = {padded: _inside(lengths, X.shape[1], dilation, padded) for padded in (True, False)}
                counts = {padded: mask.sum(axis=1, dtype=np.float32) for padded, mask in inside.items()}
            values = shifts.convolved(each.kernel, each.channels)
            if alike and inside[each.padded][0].any():
                values = np.ascontiguousarray(values[:, inside[each.padded][0]])
                above = [np.count_nonzero(values > bias, axis=1) for bias in each.biases]
            else:
                above = [np.count_nonzero((values > bias) & inside[each.padded], axis=1) for bias in each.biases]
            yield at, np.stack(above, axis=1) / counts[each.padded][:, np.newaxis]
            at += len(each.biases)


class _Shifted:
    """Series shifted by each step of a kernel of some dilation, and their sum."""

    def __init__(self, X: Floats, dilation: int) -> None:
        n, time, channels = X.shape
        reach = (LENGTH // 2) * dilation
        wide = np.zeros((n, channels, time + 2 * reach), X.dtype)
        wide[:, :, reach : reach + time] = X.transpose(0, 2, 1)
        self._parts = [wide[:, :, step * dilation : step * dilation + time] for step in range(LENGTH)]
        self._sum = sum(self._parts[1:], self._parts[0].copy())

    def convolved(self, kernel: int, channels: Array) -> Floats:
        """Return 3 times the sum of the three steps of weight 2, less the sum of all: weights 2 and -1."""
        a, b, c = KERNELS[kernel]
        if len(channels) == 1:
            (channel,) = channels
            three = self._parts[a][:, channel] + self._parts[b][:, channel]
            three += self._parts[c][:, channel]
            three *= 3
            three -= self._sum[:, channel]
            return three
        parts = (part[:, channels].sum(axis=1) for part in (self._parts[a], self._parts[b], self._parts[c]))
        found: Floats = 3 * sum(parts) - self._sum[:, channels].sum(axis=1)
        return found


def _inside(lengths: Array, time: int, dilation: int, padded: bool) -> Array:
    """Tell which steps count: those of the series, or those where the kernel does not reach beyond its ends."""
    reach = 0 if padded else (LENGTH // 2) * dilation
    steps = np.arange(time)
    inside = (steps >= reach) & (steps < lengths[:, np.newaxis] - reach)
    # Shorter than the kernel: all that there is counts.
    short = ~inside.any(axis=1)
    inside[short] = steps < lengths[short, np.newaxis]
    return inside


def _dilations(length: int, per_kernel: int) -> tuple[list[int], list[int]]:
    """Return exponentially growing dilations up to where a kernel spans the series, and the features of each."""
    at_most = min(per_kernel, _MAX_DILATIONS)
    exponent = np.log2(max(length - 1, LENGTH - 1) / (LENGTH - 1))
    found, counts = np.unique(np.logspace(0, exponent, at_most, base=2).astype(int), return_counts=True)
    counts = (counts * (per_kernel / at_most)).astype(int)
    for extra in range(per_kernel - int(counts.sum())):
        counts[extra % len(counts)] += 1
    return found.tolist(), counts.tolist()


def _low_discrepancy(n: int) -> Floats:
    """Return the fractional parts of the multiples of the golden ratio."""
    return np.asarray((np.arange(1, n + 1) * ((np.sqrt(5) + 1) / 2)) % 1)
