"""Speed of the signal tasks beside bare NumPy and tsfresh, and of HOG beside scikit-image and OpenCV, on one thread.

Run ``python benchmarks/extractors.py``; the ways take turns, so that a busy machine slows all of them alike. OpenCV is
left out where it is not installed: ``pip install "opencv-python-headless<5"``.
"""

# ruff: noqa: E402
import os

# Before NumPy is imported, which reads them once.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
from importlib.util import find_spec

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


HOG = {"pixels_per_cell": (8, 8), "cells_per_block": (3, 3)}


def images(runs: int) -> None:
    """Print what HOG of an image costs through auxtasks and in a loop over scikit-image."""
    print(f"\n{'HOG of an image':<22}{'auxtasks, µs':>14}{'scikit-image, µs':>18}{'ratio':>8}")
    for side, channels, n in ((32, 1, 512), (128, 1, 32), (32, 3, 256), (128, 3, 16)):
        X = np.random.default_rng(0).integers(0, 256, (n, side, side, channels)).astype(np.float32)

        def batch(X: np.ndarray = X) -> np.ndarray:
            tasks = {"hog": {**HOG, "layout": "blocks"}}
            return auxtasks.make_aux_targets(X, domain="image", tasks=tasks, scale=False)["hog"]

        def loop(X: np.ndarray = X) -> list[np.ndarray]:
            return [hog(image, channel_axis=-1, **HOG) for image in X]

        assert np.allclose(batch().reshape(n, -1), loop(), atol=1e-5)
        taken = medians({"batch": batch, "loop": loop}, runs)
        each = {name: seconds / n * 1e6 for name, seconds in taken.items()}
        ratio = each["loop"] / each["batch"]
        print(f"{f'{side}×{side}×{channels}':<22}{each['batch']:>14.1f}{each['loop']:>18.1f}{ratio:>8.1f}")


def beside_opencv(runs: int) -> None:
    """Print what HOG of a grey image of bytes costs, raw and scaled, and through OpenCV with the same blocks."""
    if find_spec("cv2") is None:
        print("\nHOG beside OpenCV is left out: the package opencv-python-headless is not installed")
        return
    import cv2

    cv2.setNumThreads(1)
    print(f"\n{'HOG of an image':<17}{'layout':<8}{'targets':<8}{'auxtasks, µs':>14}{'OpenCV, µs':>12}{'ratio':>8}")
    for side, n in ((32, 1024), (64, 256), (128, 64), (224, 24)):
        X = np.random.default_rng(0).integers(0, 256, (n, side, side), dtype=np.uint8)
        descriptor = cv2.HOGDescriptor((side, side), (24, 24), (8, 8), (8, 8), 9)

        def targets(layout: str, scale: bool, X: np.ndarray = X) -> None:
            auxtasks.make_aux_targets(X, domain="image", tasks={"hog": {**HOG, "layout": layout}}, scale=scale)

        cases = [(layout, scale) for layout in ("cells", "blocks") for scale in (False, True)]
        ways = {case: lambda case=case, targets=targets: targets(*case) for case in cases}
        ways["OpenCV"] = lambda X=X, descriptor=descriptor: [descriptor.compute(image) for image in X]
        each = {way: seconds / n * 1e6 for way, seconds in medians(ways, runs).items()}
        for layout, scale in cases:
            ours, peer = each[layout, scale], each["OpenCV"]
            said = f"{f'{side}×{side}':<17}{layout:<8}{'scaled' if scale else 'raw':<8}"
            print(f"{said}{ours:>14.1f}{peer:>12.1f}{ours / peer:>8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=(2000, 128, 9), metavar=("N", "TIME", "CHANNELS"))
    parser.add_argument("--peer-samples", type=int, default=20, help="how many of the samples tsfresh is timed on")
    parser.add_argument("--runs", type=int, default=15)
    given = parser.parse_args()
    n, time, channels = given.shape
    signals((n, time, channels), min(n, given.peer_samples), given.runs)
    images(given.runs)
    beside_opencv(given.runs)


if __name__ == "__main__":
    main()
