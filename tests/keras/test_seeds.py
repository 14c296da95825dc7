"""The same seed, the same weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from helpers import LOSS, SPECS, X, aux_targets, labels, some_missing, values

from auxtasks.keras import AuxModel, attach_heads


def trained(seed: int, main: np.ndarray) -> AuxModel:
    keras.utils.set_random_seed(seed)
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
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOSS)
    model.fit(X, {"main": main, **aux_targets()}, batch_size=16, verbose=0)
    return model


@pytest.mark.parametrize(
    "main",
    [
        pytest.param(labels(), id="shuffled", marks=pytest.mark.graph),
        pytest.param(some_missing(labels()), id="composed"),
    ],
)
def test_two_runs_with_one_seed_end_in_the_same_bits(main: np.ndarray) -> None:
    for first, second in zip(*(values(trained(5, main)) for _ in range(2)), strict=True):
        np.testing.assert_array_equal(first, second)


def test_two_runs_with_different_seeds_end_in_other_bits() -> None:
    one, other = (trained(seed, labels()) for seed in (5, 6))
    kernels = [[each for each in values(model) if each.ndim == 2] for model in (one, other)]
    assert len(kernels[0]) == 3  # two of the base, one that both heads share
    for first, second in zip(*kernels, strict=True):
        assert not np.any(first == second)
