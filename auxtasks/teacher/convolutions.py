"""Features by small convolutions: MiniRocket for series, and nearness to a dictionary of patches for images."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from auxtasks.optional import require
from auxtasks.typing import Array, Floats

LENGTH = 9
"""Of a kernel."""
KERNELS = tuple(combinations(range(LENGTH), 3))
"""Where the three weights 2 of each kernel stand; the other six are -1."""
_MAX_DILATIONS = 32
_OF_CHANNEL = 2**16
"""Numbers of one channel of a chunk of series, so that what is computed of it stays in the cache."""


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
    """

    def __init__(self, n_features: int = 2520, seed: int = 0) -> None:
        self.n_features = n_features  # about: as many for each kernel
        self.seed = seed
        self.convolutions: list[Convolution] = []

    def fit(self, X: Floats, lengths: Array) -> Rocket:
        """Draw the convolutions, for series of shape (n, time, channels) that hold zeros behind their lengths."""
        rng = np.random.default_rng(self.seed)
        per_kernel = max(1, self.n_features // len(KERNELS))
        dilations, counts = _dilations(int(np.median(lengths)), per_kernel)
        # The fractional parts of the multiples of the golden ratio, of low discrepancy.
        quantiles = (np.arange(1, len(KERNELS) * per_kernel + 1) * ((np.sqrt(5) + 1) / 2)) % 1
        n_channels, taken = X.shape[2], 0
        self.convolutions = []
        for place, (dilation, n_biases) in enumerate(zip(dilations, counts, strict=True)):
            for kernel in range(len(KERNELS)):
                at_most = int(np.log2(min(n_channels, LENGTH)) * rng.random() + 1e-9)
                channels = np.sort(rng.choice(n_channels, min(n_channels, 2**at_most), replace=False))
                padded = bool((place + kernel) % 2 == 0)
                row = int(rng.integers(len(X)))
                values = _Shifted(X[row : row + 1], dilation).convolved(kernel, channels)[:, 0]
                values = values[_inside(lengths[row : row + 1], X.shape[1], dilation, padded)[0]]
                biases = np.quantile(values, quantiles[taken : taken + n_biases]).astype(X.dtype)
                taken += n_biases
                self.convolutions.append(Convolution(kernel, dilation, channels, padded, biases))
        return self

    def transform(self, X: Floats, lengths: Array) -> Floats:
        """Return the features, shape (n, features) of float32."""
        width = sum(len(each.biases) for each in self.convolutions)
        features = np.empty((len(X), width), np.float32)
        rows = max(1, _OF_CHANNEL // max(1, X.shape[1]))
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
                shifted = _Shifted(X, dilation)
                inside = {padded: _inside(lengths, X.shape[1], dilation, padded).T for padded in (True, False)}
                counts = {padded: mask.sum(axis=0, dtype=np.float32) for padded, mask in inside.items()}
            values = shifted.convolved(each.kernel, each.channels)
            counted: Array | None = inside[each.padded]
            if alike:  # the same steps of all
                steps = np.flatnonzero(inside[each.padded][:, 0])
                values, counted = values[steps[0] : steps[-1] + 1], None
            above = np.stack([_above(values, bias, counted) for bias in each.biases], axis=1)
            yield at, above / counts[each.padded][:, np.newaxis]
            at += len(each.biases)


def _above(values: Floats, bias: Any, counted: Array | None) -> Array:
    """Count the steps, of shape (time, n), at which values exceed a bias."""
    above = values > bias
    if counted is not None:
        above &= counted
    flags = above.view(np.uint8)
    # Sums of up to 255 flags fit a byte, in which adding is fastest.
    blocks = [np.add.reduce(flags[start : start + 255], axis=0, dtype=np.uint8) for start in range(0, len(flags), 255)]
    return np.asarray(blocks[0] if len(blocks) == 1 else np.sum(blocks, axis=0, dtype=np.int64))


class _Shifted:
    """Series shifted by each step of a kernel of some dilation, steps first: (time, n)."""

    def __init__(self, X: Floats, dilation: int) -> None:
        n, self._time, channels = X.shape
        self._dilation = dilation
        reach = (LENGTH // 2) * dilation
        self._wide = np.zeros((channels, self._time + 2 * reach, n), X.dtype)
        self._wide[:, reach : reach + self._time] = X.transpose(2, 1, 0)
        self._known: dict[tuple[int, ...], tuple[Floats, Floats]] = {}

    def convolved(self, kernel: int, channels: Array) -> Floats:
        """Return 3 times the sum of the three steps of weight 2, less the sum of all: weights 2 and -1."""
        wide, everything = self._of(tuple(channels.tolist()))
        a, b, c = (self._step(wide, step) for step in KERNELS[kernel])
        found = a + b
        found += c
        found *= 3
        found -= everything
        return found

    def _of(self, channels: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Return the sum of some channels, and its sum over all steps of a kernel; of one channel it is kept."""
        if channels in self._known:
            return self._known[channels]
        wide = self._wide[channels[0]] if len(channels) == 1 else self._wide[list(channels)].sum(axis=0)
        everything = self._step(wide, 0).copy()
        for step in range(1, LENGTH):
            everything += self._step(wide, step)
        if len(channels) == 1:
            self._known[channels] = wide, everything
        return wide, everything

    def _step(self, wide: Floats, step: int) -> Floats:
        return wide[step * self._dilation : step * self._dilation + self._time]


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


_OF_DISTANCES = 2**22
"""Numbers of the distances of a chunk of images."""
_DRAWN = 20_000


class PatchDictionary:
    """Distances of whitened patches to the centers of k-means, summed over the quarters of an image.

    Patches are drawn from the training images, brought to mean 0 and standard deviation 1 each, whitened (ZCA) and
    clustered. Of every patch of an image, ``max(0, mean distance - distance)`` to each center is summed over each
    quarter of the image.

    Source: Coates, Ng and Lee 2011, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning", AISTATS.
    """

    def __init__(self, n_centers: int = 200, seed: int = 0) -> None:
        self.n_centers = n_centers  # four features for each
        self.seed = seed

    def fit(self, X: Floats) -> PatchDictionary:
        """Learn whitening and centers from images of shape (n, height, width, channels)."""
        rng = np.random.default_rng(self.seed)
        self.side = min(int(np.clip(min(X.shape[1:3]) // 4, 2, 6)), *X.shape[1:3])
        self.step = 1 if max(X.shape[1:3]) <= 20 else 2
        drawn = rng.choice(len(X), min(len(X), 2000), replace=False)
        patches = self._drawn(X[np.sort(drawn)], rng)
        std = patches.std(axis=-1, keepdims=True)
        # Flat patches say nothing; the floor keeps their noise small.
        self.floor = 0.1 * max(float(std.mean()), 1e-12)
        patches /= std + self.floor
        self.mean = patches.mean(axis=0)
        values, vectors = np.linalg.eigh(np.atleast_2d(np.cov((patches - self.mean).T)))
        # Directions that hardly vary are noise, which whitening would blow up.
        spread = 1.0 / np.sqrt(np.maximum(values, 0) + 0.1 * max(float(values.mean()), 1e-12))
        self.whitening = ((vectors * spread) @ vectors.T).astype(np.float32)
        cluster = require("sklearn.cluster", extra="sklearn")
        n_centers = min(self.n_centers, len(patches))
        means = cluster.MiniBatchKMeans(n_centers, n_init=1, batch_size=4096, max_iter=20, random_state=self.seed)
        means.fit((patches - self.mean) @ self.whitening)
        self.centers = means.cluster_centers_.astype(np.float32)
        return self

    def transform(self, X: Floats) -> Floats:
        """Return the features, shape (n, 4 × centers) of float32."""
        half = (self.centers**2).sum(axis=1)
        found = []
        for block in self._patches(X):
            n, rows, columns, _ = block.shape
            block /= block.std(axis=-1, keepdims=True) + self.floor
            white = (block.reshape(n * rows * columns, -1) - self.mean) @ self.whitening
            distances = white @ (-2 * self.centers.T)
            distances += half
            distances += (white**2).sum(axis=1)[:, np.newaxis]
            np.sqrt(np.maximum(distances, 0, out=distances), out=distances)
            near = distances.mean(axis=1, keepdims=True) - distances
            np.maximum(near, 0, out=near)
            grid = near.reshape(n, rows, columns, -1)
            top, left = (rows + 1) // 2, (columns + 1) // 2
            quarters = [grid[:, :top, :left], grid[:, :top, left:], grid[:, top:, :left], grid[:, top:, left:]]
            found.append(np.concatenate([quarter.sum(axis=(1, 2)) for quarter in quarters], axis=1))
        return np.concatenate(found).astype(np.float32, copy=False)

    def _places(self, X: Floats) -> int:
        height, width = ((length - self.side) // self.step + 1 for length in X.shape[1:3])
        return int(height * width)

    def _drawn(self, X: Floats, rng: np.random.Generator) -> Floats:
        """Draw patches, without holding more than these."""
        total = len(X) * self._places(X)
        chosen = rng.choice(total, min(total, _DRAWN), replace=False)
        found = np.empty((len(chosen), self.side**2 * X.shape[3]), np.float32)
        start = 0
        for block in self._patches(X):
            patches = block.reshape(-1, block.shape[-1])
            here = (chosen >= start) & (chosen < start + len(patches))
            found[here] = patches[chosen[here] - start]
            start += len(patches)
        return found

    def _patches(self, X: Floats) -> Iterator[Floats]:
        """Go through the patches of some images at a time, mean 0 each, (n, rows, columns, numbers of a patch)."""
        side, step = self.side, self.step
        rows = max(1, _OF_DISTANCES // (self._places(X) * max(self.n_centers, side * side * X.shape[3])))
        for start in range(0, len(X), rows):
            block = np.lib.stride_tricks.sliding_window_view(X[start : start + rows], (side, side), axis=(1, 2))
            block = block[:, ::step, ::step]
            block = block.reshape(*block.shape[:3], -1).astype(np.float32)
            block -= block.mean(axis=-1, keepdims=True)
            yield block
