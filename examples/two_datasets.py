"""Two tasks with data sets of their own, of different sizes, that share a network: jointly, in turn, by size.

Few images have their digit as label; others, many more, are only known to be even or odd. Every arm makes as many steps
on digits, but for "by size", which makes as many in all as "in turn" and draws the task of each as often as it has
samples. A network that sees digits alone is the baseline. Without --data the images are scikit-learn's 8×8 digits, with
it those of MNIST at half their size, from a folder that holds ``mnist/mnist.npz``.

python examples/two_datasets.py --output two_datasets.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import auxtasks
from auxtasks.audit import Comparison, paired_comparison
from auxtasks.keras import TaskBatches, attach_heads

BATCH = 32
ARMS = {"digits alone": None, "jointly": "joint", "in turn": "alternating", "by size": "proportional"}


def images(data: Path | None) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return images from 0 to 1 and their digits, to train on and to test."""
    if data is None:
        digits = load_digits()
        X, y = digits.images[..., None].astype("float32") / 16, digits.target
        return (X[:1100], y[:1100]), (X[1100:], y[1100:])
    with np.load(data / "mnist" / "mnist.npz") as mnist:
        parts = [(mnist[f"x_{part}"] / np.float32(255), mnist[f"y_{part}"].astype(int)) for part in ("train", "test")]
    train, test = ((X.reshape(-1, 14, 2, 14, 2, 1).mean(axis=(2, 4)), y) for X, y in parts)
    return train, test


def make_model(shape: tuple[int, ...]) -> keras.Model:
    """Make an ordinary network for images."""
    layers = keras.layers
    stack = [keras.Input(shape), layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D()]
    stack += [layers.Conv2D(32, 3, activation="relu"), layers.Flatten(), layers.Dense(32, activation="relu")]
    return keras.Sequential([*stack, layers.Dense(10, activation="softmax")])


def trained(arm: str, sets: dict[str, Any], steps: int, seed: int) -> keras.Model:
    """Train one network."""
    (X, digit), (others, parity) = sets["main"], sets["parity"]
    unknown = np.full(len(X), -1)  # of each image one label is known
    known = {"parity": np.concatenate([unknown, parity])}
    targets = auxtasks.make_aux_targets(np.concatenate([X, others]), domain="image", tasks=[], label_columns=known)
    keras.utils.set_random_seed(seed)
    schedule = ARMS[arm] or "joint"
    model = attach_heads(make_model(X.shape[1:]), targets, weights=1.0, schedule=schedule)
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    if arm == "jointly":  # `fit` composes batches of which half are labelled with a digit
        model.fit(targets.inputs, targets.with_main(digit), 2 * BATCH, steps_per_epoch=steps, seed=seed, verbose=0)
        return model
    if arm == "digits alone":
        batches = TaskBatches({"main": sets["main"]}, targets, BATCH, steps_per_epoch=steps, seed=seed)
    else:
        batches = TaskBatches(sets, targets, BATCH, schedule, steps_per_epoch=2 * steps, seed=seed)
    model.fit(batches, verbose=0)
    return model


def draw(gains: dict[str, Comparison], path: Path) -> None:
    """Draw the gain of each seed, and the mean with its interval."""
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color="0.5")
    for at, gain in enumerate(gains.values()):
        axes.scatter(100 * gain.differences, np.full(len(gain.differences), at), color="0.6", zorder=1)
        error = [[100 * (gain.mean - gain.low)], [100 * (gain.high - gain.mean)]]
        axes.errorbar(100 * gain.mean, at, xerr=error, fmt="D", color="#0a5fa0", capsize=4)
    axes.set(
        yticks=range(len(gains)),
        yticklabels=gains,
        ylim=(len(gains) - 0.5, -0.5),
        xlabel="gain over digits alone, in points of accuracy",
    )
    figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    """Train every arm on every seed, which draws the labelled images too, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with mnist/mnist.npz; scikit-learn's digits without")
    parser.add_argument("--digits", type=int, default=80, help="images labelled with a digit (default: %(default)s)")
    parser.add_argument("--parities", type=int, default=800, help="other images, even or odd (%(default)s)")
    parser.add_argument("--seeds", type=int, default=2, help="at least 2 (%(default)s)")
    parser.add_argument("--steps", type=int, default=150, help="steps on digits (%(default)s)")
    parser.add_argument("--output", type=Path, help="PNG of the gains")
    options = parser.parse_args(arguments)
    (X, y), test = images(options.data)
    scores: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for seed in range(options.seeds):
        order = np.random.default_rng(seed).permutation(len(X))
        few, many = order[: options.digits], order[options.digits : options.digits + options.parities]
        sets = {"main": (X[few], y[few]), "parity": (X[many], y[many] % 2)}
        for arm in ARMS:
            found = trained(arm, sets, options.steps, seed).evaluate(*test, verbose=0, return_dict=True)
            scores[arm].append(found["accuracy"])
    baseline, *others = ARMS
    gains = {arm: paired_comparison(scores[baseline], scores[arm]) for arm in others}
    print(f"{'trained':14} accuracy  gain in points, 95 %\n{baseline:14} {np.mean(scores[baseline]):8.1%}")
    for arm, gain in gains.items():
        interval = f"{100 * gain.mean:+.1f}  {100 * gain.low:+.1f} to {100 * gain.high:+.1f}"
        print(f"{arm:14} {np.mean(scores[arm]):8.1%}  {interval}: {gain.verdict}")
    if options.output:
        draw(gains, options.output)


if __name__ == "__main__":
    main()
