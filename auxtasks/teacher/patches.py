"""Features of images: how near their patches come to a dictionary of patches, quarter by quarter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auxtasks.optional import require
from auxtasks.typing import Floats

_CHUNK = 2**22
"""Numbers of the distances of a chunk of images."""
_DRAWN = 20_000


class PatchDictionary:
    """Distances of whitened patches to the centers of k-means, summed over the quarters of an image.

    Patches are drawn from the training images, brought to mean 0 and standard deviation 1 each, whitened (ZCA) and
    clustered. Of every patch of an image, ``max(0, mean distance - distance)`` to each center is summed over each
    quarter of the image.

    Source: Coates, Ng and Lee 2011, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning", AISTATS.

    Parameters
    ----------
    n_centers : int, default 200
        Of the dictionary; there are four features for each.
    seed : int, default 0
        Decides which patches are drawn, and where the clusters begin.
    """

    def __init__(self, n_centers: int = 200, seed: int = 0) -> None:
        self.n_centers = n_centers
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
        """Return how many patches an image has."""
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
        rows = max(1, _CHUNK // (self._places(X) * max(self.n_centers, side * side * X.shape[3])))
        for start in range(0, len(X), rows):
            block = np.lib.stride_tricks.sliding_window_view(X[start : start + rows], (side, side), axis=(1, 2))
            block = block[:, ::step, ::step]
            block = block.reshape(*block.shape[:3], -1).astype(np.float32)
            block -= block.mean(axis=-1, keepdims=True)
            yield block
