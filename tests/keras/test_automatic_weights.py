from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import dataset
from hypothesis import given
from hypothesis import strategies as st

import auxtasks
from auxtasks.batches.composition import automatic_weight
from auxtasks.errors import InvalidInputError
from auxtasks.keras import attach_heads

X = np.random.default_rng(0).normal(size=(66, 8, 1)).astype("float32")
TARGETS = auxtasks.make_aux_targets(X, "signal", ["rms", "mean"])
Y = np.arange(66) % 2
FEW = np.where(np.arange(66) < 22, Y, -1)  # two unlabelled samples for each labelled one


def wrapped(weights: Any = "auto", loss: Any = "sparse_categorical_crossentropy", **options: Any) -> Any:
    hidden = [keras.layers.Conv1D(2, 3), keras.layers.GlobalAveragePooling1D()]
    base = keras.Sequential([keras.Input((8, 1)), *hidden, keras.layers.Dense(2, activation="softmax")])
    model = attach_heads(base, TARGETS, weights=weights, **options)
    model.compile("sgd", loss)
    return model


def weights_after(model: Any, y: Any) -> list[float]:
    model.fit(X, TARGETS.with_main(y), batch_size=66, verbose=0)
    return [round(weight, 4) for weight in model.loss_weights.values()]


@given(st.integers(1, 10_000), st.integers(0, 100_000), st.integers(0, 1000))
def test_more_unlabelled_samples_weigh_no_less(labelled: int, unlabelled: int, more: int) -> None:
    weight = automatic_weight(labelled, labelled + unlabelled)
    assert 0.03 <= weight <= automatic_weight(labelled, labelled + unlabelled + more) <= 1


@pytest.mark.parametrize(("y", "weight"), [(FEW, 0.2), (Y, 0.03), (Y.astype("uint8"), 0.03), (Y[:22], 0.2)])
def test_fit_finds_the_weight_from_the_labels(y: Any, weight: float) -> None:
    model = wrapped()
    assert list(model.loss_weights.values()) == pytest.approx([0.1, 0.1])
    assert weights_after(model, y) == [weight, weight]


def test_each_fit_finds_it_anew() -> None:
    model = wrapped()
    assert weights_after(model, FEW) == [0.2, 0.2]
    assert weights_after(model, Y) == [0.03, 0.03]


def test_a_weight_that_was_given_stays() -> None:
    assert weights_after(wrapped({"rms": 0.7}), FEW) == [0.7, 0.2]
    model = wrapped()
    model.set_loss_weights({"mean": 2.0})
    assert weights_after(model, FEW) == [0.2, 2.0]
    model.set_loss_weights("auto")
    assert weights_after(model, FEW) == [0.2, 0.2]


def test_batches_that_know_their_labels_are_counted_and_others_are_not() -> None:
    labels = TARGETS.with_main(FEW)
    model = wrapped()
    model.fit(TARGETS.to_py_dataset(FEW, 16, labelled_share="auto"), verbose=0)
    assert list(model.loss_weights.values()) == pytest.approx([0.2, 0.2])
    model.fit(dataset(X, labels, 33), verbose=0)
    assert list(model.loss_weights.values()) == pytest.approx([0.1, 0.1])


def test_without_a_main_loss_or_in_turns_a_task_weighs_one() -> None:
    assert weights_after(wrapped(schedule="alternating"), FEW) == [1.0, 1.0]
    model = wrapped(loss=None)
    with pytest.warns(UserWarning, match="Gradients do not exist for variables"):
        model.fit(X, dict(TARGETS), batch_size=66, verbose=0)
    assert list(model.loss_weights.values()) == [1.0, 1.0]


def test_a_loaded_model_still_finds_its_weights(tmp_path: Path) -> None:
    model = wrapped({"rms": 0.7})
    weights_after(model, Y)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert list(loaded.loss_weights.values()) == pytest.approx([0.7, 0.03])
    assert weights_after(loaded, FEW) == [0.7, 0.2]


def test_a_task_may_ask_for_a_share_of_the_weight() -> None:
    targets = auxtasks.make_aux_targets(X, "signal", ["rms", "std", "reconstruction"])
    hidden = [keras.layers.Conv1D(2, 3, padding="same"), keras.layers.GlobalAveragePooling1D()]
    model = attach_heads(keras.Sequential([keras.Input((8, 1)), *hidden, keras.layers.Dense(2)]), targets)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(X, targets.with_main(FEW), batch_size=66, verbose=0)
    assert model.loss_weights == {"rms": 0.2, "std": 0.02, "reconstruction": 0.02}


def test_other_words_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="`weights`: 'rms' must be a number or 'auto'; got 'automatic'"):
        wrapped("automatic")
