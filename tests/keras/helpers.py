"""Targets, models and comparisons that the tests of heads share."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from auxtasks.keras import AuxModel, attach_heads
from auxtasks.specs import TargetSpec

SPECS = {
    "numbers": TargetSpec("numbers", "test", "vector", (4,)),
    "kind": TargetSpec("kind", "test", "class", (), n_classes=5, baseline_loss=1.6),
}
X = np.random.default_rng(3).normal(size=(48, 10)).astype("float32")
LOSS = "sparse_categorical_crossentropy"


def labels(n: int = 48, classes: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, classes, n)


def some_missing(y: np.ndarray, n_labelled: int = 20) -> np.ndarray:
    """Only the first labels; -1 or NaN for the rest."""
    y = y.copy()
    y[n_labelled:] = -1 if y.dtype.kind == "i" else np.nan
    return y


def aux_targets(n: int = 48) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    return {"numbers": rng.normal(size=(n, 4)).astype("float32"), "kind": rng.integers(0, 5, n)}


def dense_base(classes: int = 3, activation: str | None = "softmax", dropout: float = 0.25) -> keras.Model:
    """A small network with dropout, so that any change in the use of random numbers shows."""
    keras.utils.set_random_seed(11)
    return keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(12, activation="relu", name="hidden"),
            layers.Dropout(dropout),
            layers.Dense(classes, activation=activation, name="top"),
        ]
    )


def dense_model(
    weights: Any = 1.0, *, loss: Any = LOSS, base: keras.Model | None = None, **compile_args: Any
) -> AuxModel:
    """The small network with heads, compiled."""
    weights = {**dict.fromkeys(SPECS, 1.0), **weights} if isinstance(weights, dict) else weights
    model = attach_heads(base or dense_base(), SPECS, weights=weights, samples=X)
    model.compile(keras.optimizers.SGD(0.1), loss, **compile_args)
    return model


def values(model: keras.Model) -> list[np.ndarray]:
    """All variables, the states of random generators included."""
    return [keras.ops.convert_to_numpy(variable) for variable in model.variables]


def assert_same(first: keras.Model, second: keras.Model) -> None:
    for one, other in zip(values(first), values(second), strict=True):
        np.testing.assert_array_equal(one, other)


def fit_alike(model: keras.Model, *data: Any, **how: Any) -> dict[str, list[float]]:
    """Train on the same random numbers whatever was drawn before; return the logs.

    On PyTorch, shuffling and dropout without a seed draw from one generator that all models share.
    """
    keras.utils.set_random_seed(1)
    history: dict[str, list[float]] = model.fit(*data, verbose=0, **how).history
    return history


class Batches(keras.utils.PyDataset):
    """Slices of arrays in order."""

    def __init__(self, x: Any, y: Any, size: int = 16) -> None:
        super().__init__()
        self.data, self.size = (x, y), size

    def __len__(self) -> int:
        return -(-len(keras.tree.flatten(self.data)[0]) // self.size)

    def __getitem__(self, index: int) -> Any:
        rows = slice(index * self.size, (index + 1) * self.size)
        return keras.tree.map_structure(lambda array: array[rows], self.data)


def dataset(x: Any, y: Any, size: int = 16) -> Any:
    """Batches of `tf.data`, where there is TensorFlow."""
    tf = pytest.importorskip("tensorflow", reason="tf.data is a part of TensorFlow")
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(size)
