"""The time of a step with one head beside a step of plain Keras, on the backend that Keras runs on.

`KERAS_BACKEND=jax python benchmarks/backends.py`
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import keras
import numpy as np

import auxtasks
from auxtasks.keras import attach_heads


def make_cnn() -> keras.Model:
    """Make a small CNN for images of 28 x 28."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((28, 28, 1)),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Conv2D(64, 3, activation="relu", name="last"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(10, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class StepTimes(keras.callbacks.Callback):
    """The seconds of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        """Look at the clock."""
        del batch, logs
        self._begun = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Look at the clock once the step is done."""
        # JAX computes on while Python goes on, until a number is asked for.
        float(next(iter(logs.values())))  # type: ignore[attr-defined]
        del batch
        self.seconds.append(time.perf_counter() - self._begun)


def main() -> None:
    """Train plain and with heads by turns, and compare the medians of their steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    x = np.random.default_rng(0).random((64 * asked.steps, 28, 28, 1)).astype("float32")
    y = np.arange(len(x)) % 10
    targets = auxtasks.make_aux_targets(x, "image", "hog")
    plain, model = make_cnn(), attach_heads(make_cnn(), targets, at="last", weights=1.0)
    both = {"plain": (plain, y), "with heads": (model, targets.with_main(y))}
    times: dict[str, list[float]] = {name: [] for name in both}
    for number in range(1 + asked.rounds):
        for name, (trained, labels) in both.items():
            steps = StepTimes()
            trained.fit(x, labels, batch_size=64, verbose=0, callbacks=[steps])
            if number:  # the first is traced and compiled
                times[name] += steps.seconds
    found = {name: 1000 * median(seconds) for name, seconds in times.items()}
    ratio = found["with heads"] / found["plain"]
    told = ", ".join(f"{number:.2f} ms {name}" for name, number in found.items())
    print(f"{keras.backend.backend()}: {told}: {ratio:.2f}x")


if __name__ == "__main__":
    main()
