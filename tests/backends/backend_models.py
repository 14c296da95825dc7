"""A model and data that train in a moment on every backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

import auxtasks

RNG = np.random.default_rng(0)
Y = np.arange(96) % 2
X = (RNG.normal(size=(96, 16, 2)) * (1 + Y)[:, None, None]).astype("float32")
TARGETS = auxtasks.make_aux_targets(X, "signal", ["std", "abs_sum_changes"])
FEW = np.where(np.arange(96) < 24, Y, -1)
"""Labels of the first 24 samples alone."""


def base(**compiled: Any) -> keras.Model:
    """A compiled network with what makes a difference: dropout, moving averages, momenta."""
    keras.utils.set_random_seed(3)
    layers = [
        keras.Input((16, 2)),
        keras.layers.Conv1D(4, 3, activation="relu", name="conv"),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dropout(0.2, seed=7),
        keras.layers.Dense(2, activation="softmax", name="top"),
    ]
    model = keras.Sequential(layers)
    optimizer = keras.optimizers.SGD(0.02, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **compiled)
    return model


def fit(model: keras.Model, *data: Any, **how: Any) -> dict[str, list[float]]:
    """Train on the same random numbers whatever was drawn before; return the logs."""
    keras.utils.set_random_seed(1)
    history: dict[str, list[float]] = model.fit(*data, **{"epochs": 2, "verbose": 0, **how}).history
    return history


def same(one: keras.Model, other: keras.Model) -> bool:
    """Tell whether two models have the same weights, bit for bit."""
    pairs: Sequence[Any] = list(zip(one.get_weights(), other.get_weights(), strict=True))
    return all(np.array_equal(ours, theirs) for ours, theirs in pairs)
