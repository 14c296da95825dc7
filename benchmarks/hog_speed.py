"""How much faster HOG is for a batch than a loop over scikit-image, on one thread.

    python benchmarks/hog_speed.py

The two are timed in turns, so that both see the same machine; the medians and their ratio are printed. The batch is
given in chunks of about 512 KiB, as the generator gives them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from statistics import median
from time import perf_counter

CHUNK_BYTES = 1 << 19
ROUNDS = 9
CASES = {(32, 1): 512, (128, 1): 32, (32, 3): 256, (128, 3): 16}


def seconds(function: Callable[[], object]) -> float:
    start = perf_counter()
    function()
    return perf_counter() - start


def compare(side: int, channels: int, n: int) -> tuple[float, float]:
    # Imported here, as the number of threads is read from the environment when NumPy is loaded.
    import numpy as np
    from skimage.feature import hog as skimage_hog

    from auxtasks.image import hog

    X = np.random.default_rng(0).integers(0, 256, (n, side, side, channels)).astype(np.float32)
    chunk = max(1, CHUNK_BYTES // X[0].nbytes)
    options = {"pixels_per_cell": (8, 8), "cells_per_block": (3, 3), "block_norm": "L2-Hys"}

    def loop() -> list[object]:
        return [skimage_hog(image, channel_axis=-1, **options) for image in X]

    def batch() -> list[object]:
        return [hog(X[start : start + chunk], **options) for start in range(0, n, chunk)]

    batched = np.concatenate(batch()).reshape(n, -1)
    assert np.allclose(batched, loop(), atol=1e-5)
    times = [(seconds(loop), seconds(batch)) for _ in range(ROUNDS)]
    return median(slow for slow, _ in times) / n, median(fast for _, fast in times) / n


if __name__ == "__main__":
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    print(f"{'image':>12} {'scikit-image':>14} {'auxtasks':>12} {'ratio':>8}")
    for (side, channels), n in CASES.items():
        slow, fast = compare(side, channels, n)
        print(f"{f'{side}×{side}×{channels}':>12} {slow * 1e6:11.1f} µs {fast * 1e6:9.1f} µs {slow / fast:7.1f}×")
