"""Do two images show the same digit? A Siamese network, and the digits themselves as auxiliary targets.

One encoder is called on both images; the distance of its two codes is trained with the contrastive loss (Hadsell et al.
2006). The digits say more than "same" or "different": one head reads the encoder's first call and one its second. Class
losses stretch distances, so where "same" ends is found on validation pairs for every network, not set at 0.5.

python examples/siamese_digits.py --output siamese.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import auxtasks
from auxtasks.audit import paired_comparison
from auxtasks.keras import Tap, attach_heads

ARMS = ("pairs alone", "with their digits", "with digits of others")
N_PAIRS = {"train": 1000, "validation": 1000, "test": 4000}
TAPS = {"first": Tap("encoder", call=0), "second": Tap("encoder", call=1)}


def images(data: Path | None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the images and digits of which training, validation and test pairs are made."""
    if data is None:
        X, y = load_digits(return_X_y=True)
        X = X.astype("float32") / 16
        return {"train": (X[:1000], y[:1000]), "validation": (X[1000:1300], y[1000:1300]), "test": (X[1300:], y[1300:])}
    with np.load(data / "mnist" / "mnist.npz") as mnist:
        X, X_test = (mnist[f"x_{part}"].reshape(-1, 784).astype("float32") / 255 for part in ("train", "test"))
        y, y_test = (mnist[f"y_{part}"].astype(int) for part in ("train", "test"))
    return {"train": (X[:50000], y[:50000]), "validation": (X[50000:], y[50000:]), "test": (X_test, y_test)}


def pairs(rng: np.random.Generator, X: np.ndarray, y: np.ndarray, n: int) -> tuple[list[np.ndarray], Any, np.ndarray]:
    """Draw n pairs of images, half of them of the same digit; return images, digits and 1.0 for "same"."""
    first, same = rng.integers(len(X), size=n), np.arange(n) % 2
    digit = (y[first] + (1 - same) * rng.integers(1, 10, size=n)) % 10
    second = [rng.choice(np.setdiff1d(np.flatnonzero(y == d), at)) for d, at in zip(digit, first, strict=True)]
    return [X[first], X[second]], {"first": y[first], "second": y[second]}, same.astype("float32")


def contrastive(same: Any, distance: Any) -> Any:
    """Pull codes of the same digit together, and push those of different ones 1 apart."""
    return ops.mean(same * distance**2 + (1 - same) * ops.maximum(1 - distance, 0) ** 2, axis=-1)


def make_model(n_pixels: int) -> keras.Model:
    """Make an ordinary Siamese network."""
    encoder = keras.Sequential([layers.Dense(units, activation="relu") for units in (128, 64)], name="encoder")
    first, second = keras.Input((n_pixels,)), keras.Input((n_pixels,))
    squared = ops.sum((encoder(first) - encoder(second)) ** 2, axis=-1, keepdims=True)
    return keras.Model([first, second], ops.sqrt(squared + 1e-7))  # the square root has no slope at 0


def distances(parts: dict[str, Any], seed: int, arm: str, epochs: int) -> list[np.ndarray]:
    """Train one network, and return its distances of the validation and test pairs."""
    X, classes, same = parts["train"]
    order = np.random.default_rng(seed).permutation(len(same)) if arm == ARMS[2] else slice(None)
    given = {name: digit[order] for name, digit in classes.items()}
    targets = auxtasks.make_aux_targets(X[0], domain="any", tasks=[], label_columns=given)
    keras.utils.set_random_seed(seed)
    # With weight 0 the network trains as it would without heads.
    model = attach_heads(make_model(X[0].shape[1]), targets, TAPS, float(arm != ARMS[0]), samples=X)
    model.compile("adam", loss=contrastive, jit_compile=False)
    model.fit(X, targets.with_main(same), batch_size=64, epochs=epochs, verbose=0)
    return [model.predict(parts[part][0], batch_size=2000, verbose=0)[:, 0] for part in ("validation", "test")]


def accuracy(parts: dict[str, Any], validation: np.ndarray, test: np.ndarray) -> float:
    """Return the share of test pairs told right by the distance that tells validation pairs best."""
    end = max(validation, key=lambda each: ((validation < each) == parts["validation"][2]).mean())
    return float(((test < end) == parts["test"][2]).mean())


def draw(same: np.ndarray, found: dict[str, list[np.ndarray]], path: Path) -> None:
    """Draw the distances of test pairs of each arm."""
    figure = Figure(figsize=(11, 3), layout="constrained")
    for axes, (arm, (_, distance)) in zip(figure.subplots(1, 3), found.items(), strict=True):
        axes.hist([distance[same], distance[~same]], 40, histtype="stepfilled", alpha=0.6, label=("same", "different"))
        axes.set(title=arm, xlabel="distance of the codes", ylabel="test pairs")
    axes.legend()
    figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    """Train every arm on every seed, which draws the training pairs too, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with mnist/mnist.npz; scikit-learn's digits without")
    parser.add_argument("--seeds", type=int, default=2, help="at least 2 (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=20, help="(%(default)s)")
    parser.add_argument("--output", type=Path, help="PNG of the distances")
    options = parser.parse_args(arguments)
    of_images = images(options.data)
    scores: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for seed in range(options.seeds):
        rng = np.random.default_rng(seed)
        parts = {part: pairs(rng, *of_images[part], n) for part, n in N_PAIRS.items()}
        found = {arm: distances(parts, seed, arm, options.epochs) for arm in ARMS}
        scores = {arm: [*scores[arm], accuracy(parts, *found[arm])] for arm in ARMS}
        if options.output and seed == 0:
            draw(parts["test"][2] == 1, found, options.output)
    print(f"{'trained on':21} accuracy  gain in points, 95 %\n{ARMS[0]:21} {np.mean(scores[ARMS[0]]):8.1%}")
    for arm in ARMS[1:]:
        gain = paired_comparison(scores[ARMS[0]], scores[arm])
        said = f"{100 * gain.mean:+.1f}  {100 * gain.low:+.1f} to {100 * gain.high:+.1f}: {gain.verdict}"
        print(f"{arm:21} {np.mean(scores[arm]):8.1%}  {said}")


if __name__ == "__main__":
    main()
