"""Models whose gradients are known."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from auxtasks.keras import AuxModel, attach_heads
from auxtasks.specs import TargetSpec

MAIN_OPTIMUM, AUX_OPTIMUM = np.array([1.0, 0.0]), np.array([-1.0, 0.0])


def two_quadratics(weighting: Any, start: tuple[float, float], weight: float = 1.0) -> AuxModel:
    """A trunk w of two numbers, trained on |w - a|² / 2 by the main task and |w - b|² / 2 by the auxiliary one."""
    base = keras.Sequential([keras.Input((1,)), layers.Dense(2, use_bias=False, name="trunk")])
    base.get_layer("trunk").kernel.assign([start])
    spec = TargetSpec("aux", "test", "vector", (2,))
    model = attach_heads(base, {"aux": spec}, {"aux": 0}, weight, samples=np.ones((4, 1)), seed=0, weighting=weighting)
    (head,) = model.heads
    head.kernel.assign(np.eye(2))
    head.trainable = False
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def path(model: AuxModel, steps: int) -> np.ndarray:
    """The values of w, step by step."""
    x, y = np.ones((1, 1)), {"main": MAIN_OPTIMUM[None], "aux": AUX_OPTIMUM[None].astype("float32")}
    found = [model.base.get_weights()[0][0]]
    for _ in range(steps):
        model.train_on_batch(x, y)
        found.append(model.base.get_weights()[0][0])
    return np.array(found)


N_TASKS = 4
X = np.random.default_rng(0).normal(size=(24, 12, 3)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 24)
TARGETS = {f"task_{k}": np.random.default_rng(2 + k).normal(size=(24, 2)).astype("float32") for k in range(N_TASKS)}
Y = {"main": LABELS, **TARGETS}
SPECS = {name: TargetSpec(name, "test", "vector", (2,)) for name in TARGETS}


def convolutional() -> keras.Model:
    """Batch statistics, dropout, pooling and an activation between convolutions."""
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((12, 3)),
            layers.Conv1D(6, 3, padding="same", name="first"),
            layers.BatchNormalization(),
            layers.Activation("tanh", name="low"),
            layers.Dropout(0.3),
            layers.MaxPooling1D(2),
            layers.Conv1D(5, 3, padding="same", activation="relu", name="high"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3, activation="softmax", name="top"),
        ]
    )


def dense() -> keras.Model:
    """The smallest model that heads read at two layers, with dropout."""
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((12, 3)),
            layers.GlobalAveragePooling1D(),
            layers.Dense(6, activation="tanh", name="low"),
            layers.Dropout(0.3),
            layers.Dense(5, activation="tanh", name="high"),
            layers.Dense(3, activation="softmax", name="top"),
        ]
    )


def recurrent() -> keras.Model:
    keras.utils.set_random_seed(3)
    steps = layers.SimpleRNN(5, return_sequences=True, name="high")
    ends = [layers.GlobalAveragePooling1D(), layers.Dense(3, activation="softmax", name="top")]
    return keras.Sequential([keras.Input((12, 3)), layers.Conv1D(4, 3, padding="same", name="low"), steps, *ends])


def weighed(weighting: Any, base: keras.Model | None = None, rate: float = 0.1, **how: Any) -> AuxModel:
    """Heads of two tasks on each of two layers, compiled with plain SGD."""
    at = {name: "low" if k < 2 else "high" for k, name in enumerate(SPECS)}
    weights = how.pop("weights", {"task_0": 1.0, "task_1": 2.0, "task_2": 1.0, "task_3": 0.5})
    model = attach_heads(base or dense(), SPECS, at, weights, samples=X, seed=0, weighting=weighting)
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy", **how)
    return model
