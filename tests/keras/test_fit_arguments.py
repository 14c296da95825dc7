"""What `fit` does with its arguments where few samples are labelled, and what it trains without labels."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from helpers import SPECS, X, aux_targets, dataset, dense_base, dense_model, labels, some_missing

from auxtasks.batches.composition import Composition
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.keras import attach_heads

Y = {"main": some_missing(labels(), 8), **aux_targets()}


def test_an_epoch_has_the_steps_it_is_asked_for() -> None:
    model = dense_model()
    model.fit(X, Y, batch_size=16, steps_per_epoch=7, verbose=0)  # 5 would do for all samples
    assert int(model.optimizer.iterations) == 7


def test_a_batch_never_holds_an_unlabelled_sample_twice() -> None:
    rows = Composition(np.arange(48) < 8, 5000, 0.5, 0).epoch(0)
    unlabelled = rows[rows >= 8]
    assert rows.shape == (1, 80)
    np.testing.assert_array_equal(np.sort(unlabelled), np.arange(8, 48))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sample_weight": np.ones(8)}, InvalidInputError, r"each of the 48 samples.* found shape \(8,\)"),
        ({"sample_weight": {"numbers": np.ones(3)}}, InvalidInputError, "`sample_weight`: 'numbers' must have one"),
        ({"seed": -1}, InvalidInputError, "`seed` must be at least 0; got -1"),
        ({"batch_size": 0}, InvalidInputError, "`batch_size` must be at least 1; got 0"),
        ({"batch_size": "a"}, InvalidTypeError, "`batch_size` must be an integer; got 'a'"),
        ({"labelled_share": 2}, InvalidInputError, "`labelled_share` must be from 0.0 to 1.0; got 2"),
        ({"class_weight": "balancd"}, InvalidTypeError, "`class_weight` must map class numbers .* 'balanced'"),
        ({"validation_data": (X, labels()[:10])}, InvalidInputError, "`y`: 'main' must have one row for each"),
    ],
)
def test_arguments_that_cannot_work_are_refused(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        dense_model().fit(X, Y, verbose=0, **arguments)


def test_a_model_is_compiled_first() -> None:
    with pytest.raises(ValueError, match=r"call `compile\(\)`"):
        attach_heads(dense_base(), SPECS, samples=X, weights=1.0).fit(X, Y)


def test_a_target_of_another_width_is_refused_in_a_data_set() -> None:
    wrong = {**Y, "numbers": Y["numbers"][:, :1]}
    with pytest.raises(InvalidInputError, match=r"`y`: the rows of target 'numbers' must have shape \(4,\)"):
        dense_model().fit(dataset(X, wrong), verbose=0)


@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables:UserWarning")  # those of the main head
def test_targets_alone_can_be_trained() -> None:
    model = attach_heads(dense_base(dropout=0.0), SPECS, samples=X, weights=1.0)
    model.compile(keras.optimizers.SGD(0.05))
    logs = model.fit(X, aux_targets(), 48, epochs=2, verbose=0, validation_data=(X, aux_targets())).history
    assert logs["numbers_loss"][-1] < logs["numbers_loss"][0]
    assert "val_kind_loss" in logs


def test_predictions_of_targets_are_made_by_one_function() -> None:
    model = dense_model()
    first = model.predict_auxiliary(X, verbose=0)
    function = model._untracked.predictor.predict_function
    second = model.predict_auxiliary(X, verbose=0)
    assert model._untracked.predictor.predict_function is function
    np.testing.assert_array_equal(first["numbers"], second["numbers"])
    np.testing.assert_allclose(first["kind"].sum(axis=1), 1.0, rtol=1e-5)
