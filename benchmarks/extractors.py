"""Speed of the signal tasks beside bare NumPy and tsfresh, and of HOG beside scikit-image, on one thread.

Run ``python benchmarks/extractors.py``; the ways take turns, so that a busy machine slows all of them alike.
"""

# ruff: noqa: E402
import os

# Before NumPy is imported, which reads them once.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse

import numpy as np
import pandas as pd
from skimage.feature import hog
from timing import medians
from tsfresh import extract_features
from tsfresh.feature_extraction import feature_calculators as calculators

import auxtasks

TASKS = ["std", "abs_sum_changes", "fft"]
N_COEFFICIENTS = 50
MAGNITUDES = [{"coeff": k, "attr": "abs"} for k in range(N_COEFFICIENTS)]


def with_auxtasks(X: np.ndarray, tasks: list[str] | None = None) -> None:
    auxtasks.make_aux_targets(X, domain="signal", tasks=tasks or TASKS, scale=False)


def with_numpy(X: np.ndarray) -> None:
    np.std(X, axis=1)
    np.abs(np.diff(X, axis=1)).sum(axis=1)
    np.abs(np.fft.rfft(X, axis=1)[:, :N_COEFFICIENTS])


def with_calculators(X: np.ndarray) -> None:
    """Call tsfresh's functions themselves, without its data frames."""
    for series in X:
        for channel in series.T:
            calculators.standard_deviation(channel)
            calculators.absolute_sum_of_changes(channel)
            list(calculators.fft_coefficient(channel, MAGNITUDES))


def with_tsfresh(X: np.ndarray) -> None:
    n, time, channels = X.shape
    frame = pd.DataFrame(X.reshape(n * time, channels)).assign(id=np.repeat(np.arange(n), time))
    features = {"standard_deviation": None, "absolute_sum_of_changes": None, "fft_coefficient": MAGNITUDES}
    extract_features(frame, column_id="id", default_fc_parameters=features, n_jobs=0, disable_progressbar=True)


def signals(shape: tuple[int, int, int], n_peer: int, runs: int) -> None:
    """Print, for both precisions, what a sample costs each way and each task of its own."""
    print(f"signals {shape}, {' + '.join(TASKS)}, tsfresh on {n_peer} of them; median of {runs} interleaved runs")
    for dtype in (np.float32, np.float64):
        X = np.random.default_rng(0).normal(size=shape).astype(dtype)
        ways = {
            "auxtasks": lambda X=X: with_auxtasks(X),
            "numpy, whole array": lambda X=X: with_numpy(X),
            "tsfresh calculators": lambda X=X: with_calculators(X[:n_peer]),
            "tsfresh": lambda X=X: with_tsfresh(X[:n_peer]),
        }
        each = {
            name: taken / (n_peer if name.startswith("tsfresh") else len(X))
            for name, taken in medians(ways, runs).items()
        }
        print(f"\n{dtype.__name__:<22}{'µs a sample':>12}{'over auxtasks':>15}{'over numpy':>12}")
        for name, taken in each.items():
            beside = f"{taken / each['auxtasks']:>15.2f}{taken / each['numpy, whole array']:>12.2f}"
            print(f"{name:<22}{taken * 1e6:>12.2f}{beside}")
        vectors = [task for task in auxtasks.list_tasks("signal") if task.effect == "none" and task.domain == "signal"]
        alone = {task.name: lambda X=X, name=task.name: with_auxtasks(X, [name]) for task in vectors}
        print()
        for name, taken in medians(alone, max(1, runs // 3)).items():
            print(f"{name:<22}{taken / len(X) * 1e6:>12.2f}")


def images(runs: int) -> None:
    """Print what HOG of an image costs through auxtasks and in a loop over scikit-image."""
    options = {"pixels_per_cell": (8, 8), "cells_per_block": (3, 3)}
    print(f"\n{'HOG of an image':<22}{'auxtasks, µs':>14}{'scikit-image, µs':>18}{'ratio':>8}")
    for side, channels, n in ((32, 1, 512), (128, 1, 32), (32, 3, 256), (128, 3, 16)):
        X = np.random.default_rng(0).integers(0, 256, (n, side, side, channels)).astype(np.float32)

        def batch(X: np.ndarray = X) -> np.ndarray:
            return auxtasks.make_aux_targets(X, domain="image", tasks={"hog": options}, scale=False)["hog"]

        def loop(X: np.ndarray = X) -> list[np.ndarray]:
            return [hog(image, channel_axis=-1, **options) for image in X]

        assert np.allclose(batch(), loop(), atol=1e-5)
        taken = medians({"batch": batch, "loop": loop}, runs)
        each = {name: seconds / n * 1e6 for name, seconds in taken.items()}
        ratio = each["loop"] / each["batch"]
        print(f"{f'{side}×{side}×{channels}':<22}{each['batch']:>14.1f}{each['loop']:>18.1f}{ratio:>8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=(2000, 128, 9), metavar=("N", "TIME", "CHANNELS"))
    parser.add_argument("--peer-samples", type=int, default=20, help="how many of the samples tsfresh is timed on")
    parser.add_argument("--runs", type=int, default=15)
    given = parser.parse_args()
    n, time, channels = given.shape
    signals((n, time, channels), min(n, given.peer_samples), given.runs)
    images(given.runs)


if __name__ == "__main__":
    main()
