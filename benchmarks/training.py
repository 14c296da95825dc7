"""What auxiliary heads cost in training: the time of an epoch against the plain model's, interleaved medians.

python benchmarks/training.py --rounds 15
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

from auxtasks.keras import attach_heads
from auxtasks.specs import TargetSpec

SAMPLES, TIME, CHANNELS, COLUMNS = 6400, 128, 9, 50


def build() -> keras.Model:
    """Return the Conv1D model that costs are relative to."""
    stages: list[Any] = [keras.Input((TIME, CHANNELS))]
    for width in (32, 64, 64):
        stages += [layers.Conv1D(width, 5, padding="same", activation="relu")]
    return keras.Sequential([*stages, layers.GlobalAveragePooling1D(), layers.Dense(6, activation="softmax")])


class Run:
    """A compiled model with data, timed one epoch at a time."""

    def __init__(self, heads: int, batch: int) -> None:
        rng = np.random.default_rng(0)
        x = rng.normal(size=(SAMPLES, TIME, CHANNELS)).astype("float32")
        y: Any = rng.integers(0, 6, SAMPLES).astype("int32")
        keras.utils.set_random_seed(0)
        self.model = build()
        if heads:
            names = [f"task_{index}" for index in range(heads)]
            specs = {name: TargetSpec(name, name, "vector", (COLUMNS,)) for name in names}
            self.model = attach_heads(self.model, specs, inputs=x)
            y = {"main": y, **{name: rng.normal(size=(SAMPLES, COLUMNS)).astype("float32") for name in names}}
        self.model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        self._fit = lambda: self.model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
        self._fit()

    def seconds(self) -> float:
        """Train one epoch and return the time it took."""
        start = time.perf_counter()
        self._fit()
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=64)
    arguments = parser.parse_args()
    counts = (0, 1, 4, 8)
    runs = {count: Run(count, arguments.batch) for count in counts}
    seconds = np.array([[runs[count].seconds() for count in counts] for _ in range(arguments.rounds)])
    print(f"Conv1D on ({TIME}, {CHANNELS}), batch {arguments.batch}, vector heads of {COLUMNS} columns on one tap")
    print("heads   ms a step   times the plain step (median of the rounds' ratios)")
    steps = SAMPLES / arguments.batch
    for column, count in enumerate(counts):
        ratios = seconds[:, column] / seconds[:, 0]
        low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        milliseconds = 1000 * np.median(seconds[:, column]) / steps
        print(f"{count:5d}   {milliseconds:9.2f}   {middle:.3f}   quartiles {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
