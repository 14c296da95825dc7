"""The time of a step with one head beside a step of plain Keras, on the backend that Keras runs on.

The bound is what Keras itself takes where the same head is a second output of the model. Times are those of the
processor, so that other programs on the machine count little; pin the run to one core:

`KERAS_BACKEND=jax taskset -c 0 python benchmarks/backends.py`

`--task colour_histogram --at pooled` has a head for a short vector in place of the map of `hog`.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import Any

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
        keras.layers.GlobalAveragePooling2D(name="pooled"),
        keras.layers.Dense(10, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def with_second_output(head: keras.Layer, at: str) -> keras.Model:
    """Make the same CNN with a head as a second output, as plain Keras trains it."""
    cnn = make_cnn()
    model = keras.Model(cnn.inputs, [cnn.outputs[0], head(cnn.get_layer(at).output)])
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    return model


class StepTimes(keras.callbacks.Callback):
    """The seconds that the processor takes for each step."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        """Look at the clock."""
        del batch, logs
        self._begun = time.process_time()

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Look at the clock once the step is done."""
        # JAX computes on while Python goes on, until a number is asked for.
        float(next(iter(logs.values())))  # type: ignore[attr-defined]
        del batch
        self.seconds.append(time.process_time() - self._begun)


def main() -> None:
    """Train the models by turns, and compare the medians of their steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20, help="steps a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--task", default="hog", help="of images (%(default)s)")
    parser.add_argument("--at", default="last", choices=["last", "pooled"], help="what its head reads (%(default)s)")
    asked = parser.parse_args()
    x = np.random.default_rng(0).random((64 * asked.steps, 28, 28, 1)).astype("float32")
    y = np.arange(len(x)) % 10
    targets = auxtasks.make_aux_targets(x, "image", asked.task)
    model = attach_heads(make_cnn(), targets, at=asked.at, weights=1.0)
    (head,) = attach_heads(make_cnn(), targets, at=asked.at, weights=1.0).heads
    trained: dict[str, tuple[keras.Model, Any]] = {
        "plain": (make_cnn(), y),
        "second output": (with_second_output(head, asked.at), [y, targets[asked.task]]),
        "with heads": (model, targets.with_main(y)),
    }
    times: dict[str, list[float]] = {name: [] for name in trained}
    for number in range(1 + asked.rounds):
        for name, (network, labels) in trained.items():
            steps = StepTimes()
            network.fit(x, labels, batch_size=64, verbose=0, callbacks=[steps])
            if number:  # the first is traced and compiled
                times[name].append(median(steps.seconds))
    found = f"Keras {keras.__version__} on {keras.backend.backend()}"
    print(f"{found}, the median of {asked.rounds} rounds of {asked.steps} steps")
    for name, rounds in times.items():
        ratios = [time / plain for time, plain in zip(rounds, times["plain"], strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"{name:>13}: {1000 * median(rounds):.2f} ms, {median(ratios):.2f}x plain ({spread})")


if __name__ == "__main__":
    main()
