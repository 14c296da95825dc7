"""The same seed, the same weights."""

from __future__ import annotations

import random
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import LOSS, SPECS, X, aux_targets, labels, some_missing, values
from tensorflow.python.framework import config

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.keras import AuxModel, attach_heads, set_seed


def trained(seed: int, main: np.ndarray) -> AuxModel:
    set_seed(seed)
    base = keras.Sequential(
        [
            keras.Input((10,)),
            keras.layers.GaussianNoise(0.1),
            keras.layers.Dense(12, activation="relu"),
            keras.layers.Dropout(0.25),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model = attach_heads(base, SPECS, samples=X, weights=1.0)
    model.compile("adam", LOSS)
    model.fit(X, {"main": main, **aux_targets()}, batch_size=16, epochs=2, verbose=0)
    return model


@pytest.mark.parametrize(
    "main",
    [
        pytest.param(labels(), id="shuffled", marks=pytest.mark.graph),
        pytest.param(some_missing(labels()), id="composed"),
    ],
)
def test_two_runs_with_one_seed_end_in_the_same_bits(main: np.ndarray) -> None:
    one, same, other = (trained(seed, main) for seed in (5, 5, 6))
    for first, second in zip(values(one), values(same), strict=True):
        np.testing.assert_array_equal(first, second)
    kernels = [[each for each in values(model) if each.ndim == 2] for model in (one, other)]
    assert len(kernels[0]) == 3  # two of the base, one that both heads share
    for first, second in zip(*kernels, strict=True):
        assert not np.any(first == second)


@pytest.mark.parametrize(
    "draw",
    [
        random.random,
        np.random.random,
        lambda: float(tf.random.uniform(())),
        lambda: float(keras.random.uniform(())),
    ],
    ids=["python", "numpy", "tensorflow", "keras"],
)
def test_every_global_generator_is_seeded(draw: Any) -> None:
    def after(seed: int) -> list[float]:
        set_seed(seed)
        return [draw() for _ in range(3)]

    assert after(2**32 - 1) == after(2**32 - 1) != after(0)


def test_deterministic_operations_are_asked_for_only_then() -> None:
    set_seed(1)
    assert not config.is_op_determinism_enabled()
    try:
        set_seed(1, deterministic=True)
        assert config.is_op_determinism_enabled()
    finally:
        config.disable_op_determinism()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"seed": -1}, InvalidInputError, "`seed` must be at least 0; got -1"),
        ({"seed": 2**32}, InvalidInputError, "`seed` must be from 0 to 4294967295; got 4294967296"),
        ({"seed": None}, InvalidTypeError, "`seed` must be an integer; got None"),
        ({"seed": 1, "deterministic": 1}, InvalidTypeError, "`deterministic` must be True or False; got 1"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        set_seed(**arguments)
