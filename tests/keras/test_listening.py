"""A model listens where its teacher predicts better, and is not touched by finding out."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, assert_same
from keras import layers
from sklearn.linear_model import LogisticRegression, Ridge

from auxtasks import AuxTargets, make_aux_targets
from auxtasks.keras import AuxModel, attach_heads
from auxtasks.keras.listening import Opinion, cross_validated, listen
from auxtasks.keras.private import seed_state
from auxtasks.specs import TargetSpec
from auxtasks.teacher.choice import Evidence

N, N_LABELLED = 64, 24
X = np.random.default_rng(0).normal(size=(N, 6)).astype("float32")
FULL = (X[:, 0] > 0).astype(int)
Y = np.where(np.arange(N) < N_LABELLED, FULL, -1)


def _targets(teacher: Any = None, y: Any = Y, inputs: Any = X) -> AuxTargets:
    return make_aux_targets(inputs, "any", {"soft_labels": {"teacher": teacher or LogisticRegression()}}, y=y)


TARGETS = _targets()


def _base(units: int = 2, activation: str | None = "softmax") -> keras.Model:
    keras.utils.set_random_seed(7)
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.GaussianNoise(0.1),
            layers.Dense(8, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(units, activation=activation),
        ]
    )


def _model(targets: Any = TARGETS, weights: Any = "auto", loss: Any = LOSS, **changed: Any) -> AuxModel:
    """Return a model; `changed` are options of the soft labels' spec, such as how well the teacher predicts."""
    specs: dict[str, TargetSpec] = dict(targets.specs)
    spec = specs["soft_labels"]
    specs["soft_labels"] = replace(spec, options={**spec.options, **changed})
    shape = (1, None) if spec.kind == "vector" else (2, "softmax")
    model = attach_heads(_base(*shape), specs, weights=weights, inputs=X)
    model.compile(keras.optimizers.Adam(0.01), loss)
    return model


def _fit(model: AuxModel, targets: AuxTargets = TARGETS, epochs: int = 1, **given: Any) -> AuxModel:
    model.fit(targets.inputs, targets.with_main(), epochs=epochs, **{"verbose": 0, **given})
    return model


PERFECT = {"error": 0.0, "surprise": 0.02}


def test_learned_said_and_logged(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "auxtasks"):
        model = _fit(_model(**PERFECT), verbose=2)
    (sentence,) = model.told_of_soft_labels
    assert sentence.startswith("soft_labels: learned (")
    assert "the teacher gets 100 % of the labels right, this network gets" in sentence
    assert sentence in capsys.readouterr().out
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [("INFO", sentence)]
    assert model.loss_weights == {"soft_labels": 1.0}
    _fit(_model(**PERFECT))
    assert capsys.readouterr().out == ""


def test_at_chance_it_is_not_learned() -> None:
    model = _fit(_model(error=0.5, guess=0.5))
    assert model.loss_weights == {"soft_labels": 0.0}
    assert model.told_of_soft_labels == [
        "soft_labels: not learned: the teacher gets 50 % of the labels right, guessing gets 50 % of the labels right."
    ]


def test_too_few_samples_to_teach() -> None:
    few = slice(None, N_LABELLED + 31)
    model = _fit(_model(), _targets(y=Y[few], inputs=X[few]))
    assert model.loss_weights == {"soft_labels": 0.0}
    assert "only 31 samples have no label, and a teacher needs more" in model.told_of_soft_labels[0]


def test_not_learned_is_training_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def better(*args: Any) -> Opinion:
        found = cross_validated(*args)
        return found._replace(evidence=Evidence(np.zeros(N_LABELLED), 0.5, 0.0))

    monkeypatch.setattr("auxtasks.keras.listening.cross_validated", better)
    tried, other = _fit(_model(error=0.2), epochs=2), _fit(_model(weights=0.0), epochs=2)
    assert tried.told_of_soft_labels == [
        "soft_labels: not learned: the teacher gets 80 % of the labels right, this network gets 100 % of the labels "
        "right."
    ]
    assert_same(tried, other)


def test_variables_optimizer_and_random_states_are_what_they_were() -> None:
    model = _model(**PERFECT)
    model.optimizer.build(model.trainable_variables)

    def state() -> list[Any]:
        seeds = [each if not hasattr(each, "state") else np.array(each.state) for each in seed_state().values()]
        generators = [np.array(each.state) for layer in model.base.layers for each in layer._seed_generators]
        return [np.array(each) for each in (*model.variables, *model.optimizer.variables)] + generators + seeds

    before = state()
    packed, y, _ = model._packer("training").pack_any(X, TARGETS.with_main(), None)
    outcome = listen(model, packed, y, 8, 20, model._plain)
    assert outcome.weights == {"soft_labels": 1.0}
    for one, other in zip(before, state(), strict=True):
        np.testing.assert_array_equal(one, other)
    mixed, soft = outcome.targets["soft_labels"], TARGETS["soft_labels"]
    np.testing.assert_array_equal(np.isnan(mixed), np.isnan(soft))
    assert not np.array_equal(mixed, soft, equal_nan=True)


def test_a_weight_that_was_given_is_not_decided() -> None:
    model = _fit(_model(weights={"soft_labels": 0.5}))
    assert model.loss_weights == {"soft_labels": 0.5}
    assert not hasattr(model, "told_of_soft_labels")


@pytest.mark.parametrize(("changed", "weight"), [(PERFECT, 1.0), ({"error": 0.5, "guess": 0.5}, 0.0)])
def test_decided_once(
    changed: dict[str, float], weight: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _fit(_model(**changed))

    def again(*args: Any) -> None:
        raise AssertionError("decided again")

    monkeypatch.setattr("auxtasks.keras.model.listen", again)
    assert _fit(model).loss_weights == {"soft_labels": weight}
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss_weights == {"soft_labels": weight}
    assert _fit(loaded).loss_weights == {"soft_labels": weight}


def test_numbers_and_a_network_that_diverges() -> None:
    numbers = np.where(np.arange(N) < N_LABELLED, X[:, 0], np.nan)
    targets = _targets(Ridge(), numbers)
    assert "learned (100 % the teacher's)" in _fit(_model(targets, loss="mse"), targets).told_of_soft_labels[0]
    model = _model(targets, loss="mse")
    model.compile(keras.optimizers.SGD(1e30), "mse")
    packed, y, _ = model._packer("training").pack_any(X, targets.with_main(), None)
    outcome = listen(model, packed, y, 8, 20, model._plain)
    assert outcome.targets == {}
    assert outcome.sentences[0].endswith("this network predicts no numbers.")


@pytest.mark.graph
def test_in_a_graph() -> None:
    assert _fit(_model(**PERFECT)).loss_weights == {"soft_labels": 1.0}
