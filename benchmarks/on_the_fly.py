"""What targets cost that are computed in the training step: the time of an epoch against precomputed ones, in turns.

python benchmarks/on_the_fly.py --rounds 7
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers
from timing import in_turns

from auxtasks import AuxTargetGenerator
from auxtasks.keras import attach_heads

CASES = {
    "signal (128, 9), Conv1D; std, abs_sum_changes, fft": ("signal", 20_000, (128, 9)),
    "image (28, 28), Conv2D; hog": ("image", 10_000, (28, 28, 1)),
}


def build(domain: str, shape: tuple[int, ...]) -> keras.Model:
    """Return a small network: three convolutions and a pooling."""
    convolution = layers.Conv1D if domain == "signal" else layers.Conv2D
    pooling = layers.GlobalAveragePooling1D if domain == "signal" else layers.GlobalAveragePooling2D
    size = 5 if domain == "signal" else 3
    stages: list[Any] = [keras.Input(shape)]
    for width, stride in ((32, 1), (64, 1 if domain == "signal" else 2), (64, 1)):
        stages.append(convolution(width, size, strides=stride, padding="same", activation="relu"))
    return keras.Sequential([*stages, pooling(), layers.Dense(6, activation="softmax")])


def epoch(domain: str, samples: int, shape: tuple[int, ...], batch: int, on_the_fly: bool) -> Callable[[], object]:
    """Return a compiled model's training for one epoch."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, *shape)).astype("float32")
    y: Any = rng.integers(0, 6, samples).astype("int32")
    generator = AuxTargetGenerator(domain).fit(x)
    targets = None if on_the_fly else generator.transform(x)
    keras.utils.set_random_seed(0)
    model = attach_heads(build(domain, shape), generator if targets is None else targets)
    return one_epoch(model, x, y if targets is None else targets.with_main(y), batch)


def one_epoch(model: keras.Model, x: Any, y: Any, batch: int) -> Callable[[], object]:
    """Compile a model, and return its training for one epoch."""
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return lambda: model.fit(x, y, batch_size=batch, epochs=1, verbose=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--share", type=float, default=1.0, help="how much of the samples, for a quick look")
    arguments = parser.parse_args()
    print("epoch beforehand   on the fly   ratio (median of the rounds' ratios, quartiles)")
    for name, (domain, samples, shape) in CASES.items():
        size = int(samples * arguments.share), shape, arguments.batch
        seconds = in_turns([epoch(domain, *size, way) for way in (False, True)], arguments.rounds)
        low, middle, high = np.quantile(seconds[:, 1] / seconds[:, 0], [0.25, 0.5, 0.75])
        before, after = np.median(seconds, axis=0)
        print(f"{before:14.2f} s {after:10.2f} s   {middle:.3f} ({low:.3f} to {high:.3f})   {name}", flush=True)


if __name__ == "__main__":
    main()
