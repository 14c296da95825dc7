"""Estimators that are fitted one after another train in a model that was traced before, and find the same bits."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras.callbacks import History
from sklearn.model_selection import GridSearchCV

from auxtasks.audit.reuse import Models
from auxtasks.keras import AuxModel
from auxtasks.sklearn import AuxClassifier, base

pytestmark = pytest.mark.graph
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 12, 1)).cumsum(axis=1)
Y = (X.std(axis=1)[:, 0] > 1.2).astype(int)


def build(input_shape: tuple[int, ...], n_outputs: int, drawn: bool = False) -> keras.Model:
    class Drawn(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * np.random.uniform(1, 2)  # noqa: NPY002 - while it is traced

    inner = [keras.layers.Conv1D(3, 3, activation="relu"), keras.layers.BatchNormalization(), keras.layers.Dropout(0.2)]
    ends = [keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(n_outputs, "softmax")]
    return keras.Sequential([keras.Input(input_shape), *inner, *([Drawn()] if drawn else []), *ends])


def estimator(seed: int, **changed: Any) -> AuxClassifier:
    """Make an estimator whose step is traced without XLA, which takes long to compile."""
    stop = keras.callbacks.EarlyStopping(restore_best_weights=True)
    plain = {"epochs": 2, "compile__jit_compile": False, "callbacks": stop, "fit__validation_split": 0.2}
    return AuxClassifier(build, "signal", ["std"], random_state=seed, **{**plain, **changed})


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[keras.Model]:
    """The model of each training, the same one where it was used again."""
    seen: list[keras.Model] = []
    fit = AuxModel.fit

    def noted(self: AuxModel, *args: Any, **kwargs: Any) -> Any:
        seen.append(self)
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(AuxModel, "fit", noted)
    monkeypatch.setattr(base, "_models", Models(base.MOST, base.MOST, base.LARGEST))
    return seen


@pytest.fixture
def used(trained: list[keras.Model], monkeypatch: pytest.MonkeyPatch) -> list[keras.Model]:
    """The model that each fit would have trained."""
    monkeypatch.setattr(AuxModel, "fit", lambda self, *_args, **_kwargs: trained.append(self) or History())
    return trained


def test_fits_share_what_is_traced_and_find_what_fresh_models_find(
    trained: list[keras.Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {"optimizer__learning_rate": 0.01, "weights": {"std": 2.0}}
    first = estimator(0, weights=0.5).fit(X, Y)
    before = [weight.copy() for weight in first.model_.get_weights()]
    second = estimator(1, **changed).fit(X, Y)
    assert trained[0] is trained[1]
    assert all(each.model_ not in (trained[0], trained[0].base) for each in (first, second))
    assert all(map(np.array_equal, before, first.model_.get_weights()))
    monkeypatch.setattr(base, "_models", Models(largest=0))
    fresh = estimator(1, **changed).fit(X, Y)
    assert trained[2] is not trained[1]
    assert fresh.history_ == second.history_
    assert all(map(np.array_equal, second.model_.get_weights(), fresh.model_.get_weights()))
    assert not all(map(np.array_equal, before, fresh.model_.get_weights()))


def test_a_grid_search_traces_its_models_once(used: list[keras.Model]) -> None:
    y = np.tile([0, 1], 20)
    grid = {"optimizer__learning_rate": [0.01, 0.1]}
    GridSearchCV(estimator(0), grid, cv=2, refit=False, scoring=lambda *_: 0.0).fit(X, y)
    assert len(used) == 4
    assert len({id(model) for model in used}) == 1


def test_a_model_that_draws_while_it_is_traced_is_handed_out_as_it_was_trained(trained: list[keras.Model]) -> None:
    found = estimator(0, model__drawn=True, epochs=1).fit(X, Y)
    assert found.model_ is trained[0].base
    assert not base._models._kept


def test_few_models_are_kept(used: list[keras.Model], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_models", Models(1, 1))
    for n in range(2):
        estimator(0, epochs=1, fit__validation_split=0.0, callbacks=None).fit(X[n:], Y[n:])
        assert len(base._models._kept) == 1
    assert used[0] is not used[1]
