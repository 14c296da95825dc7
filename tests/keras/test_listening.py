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
from auxtasks.keras.listening import Opinion, Training, cross_validated, listen
from auxtasks.keras.private import seed_state

N, N_LABELLED = 64, 24
X = np.random.default_rng(0).normal(size=(N, 6)).astype("float32")
FULL = (X[:, 0] > 0).astype(int)
Y = np.where(np.arange(N) < N_LABELLED, FULL, -1)


@pytest.fixture(autouse=True)
def two_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cross-validate in as few parts as there can be: only the time depends on their number."""
    monkeypatch.setattr("auxtasks.teacher.choice.N_FOLDS", 2)


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


def _model(said: Any = None, targets: AuxTargets = TARGETS, weights: Any = "auto", loss: Any = LOSS) -> AuxModel:
    """Return a model; `said` is what the teacher says of labelled samples that it was not shown."""
    shape = (1, None) if targets.specs["soft_labels"].kind == "vector" else (2, "softmax")
    model = attach_heads(_base(*shape), targets, weights=weights, samples=targets.inputs)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss)
    if said is not None:
        model._listening.unseen["soft_labels"] = said
    return model


def _fit(model: AuxModel, targets: AuxTargets = TARGETS, epochs: int = 1, **given: Any) -> AuxModel:
    model.fit(targets.inputs, targets.with_main(), epochs=epochs, **{"verbose": 0, **given})
    return model


PERFECT = np.eye(2)[FULL[:N_LABELLED]] * 0.96 + 0.02
FLAT = np.full((N_LABELLED, 2), 0.5)


def _training(model: AuxModel, targets: AuxTargets = TARGETS) -> tuple[Any, Training]:
    packed, y, _ = model._packer("training").pack_any(targets.inputs, targets.with_main(), None)
    return packed, Training(packed.inputs, y, 8, 10)


def test_learned_said_and_logged(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "auxtasks"):
        model = _fit(_model(PERFECT), verbose=2)
    (sentence,) = model.told_of_soft_labels
    assert sentence.startswith("soft_labels: learned: the teacher 100 %, this network ")
    assert sentence in capsys.readouterr().out
    assert ("INFO", sentence) in [(record.levelname, record.getMessage()) for record in caplog.records]
    assert _fit(model).loss_weights == {"soft_labels": 1.0}
    assert model.told_of_soft_labels == [sentence]
    assert capsys.readouterr().out == ""


def _network_says(monkeypatch: pytest.MonkeyPatch, unseen: Any) -> None:
    """Let a network be cross-validated, and say something else."""

    def found(*args: Any) -> Opinion:
        return cross_validated(*args)._replace(unseen=unseen)

    monkeypatch.setattr("auxtasks.keras.listening.cross_validated", found)


def test_at_chance_it_is_not_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    _network_says(monkeypatch, FLAT)
    model = _fit(_model(FLAT))
    assert model.loss_weights == {"soft_labels": 0.0}
    assert "soft_labels: not learned: the teacher " in model.told_of_soft_labels[0]
    assert "guessing " in model.told_of_soft_labels[0]


def test_too_few_samples_to_teach() -> None:
    few = slice(None, N_LABELLED + 31)
    targets = _targets(y=Y[few], inputs=X[few])
    model = _fit(_model(targets=targets), targets)
    assert model.loss_weights == {"soft_labels": 0.0}
    assert "31 unlabelled samples are too few" in model.told_of_soft_labels[0]


def test_not_learned_is_training_without(monkeypatch: pytest.MonkeyPatch) -> None:
    _network_says(monkeypatch, PERFECT)
    tried, other = _fit(_model(FLAT)), _fit(_model(weights=0.0))
    assert tried.told_of_soft_labels[0].startswith("soft_labels: not learned: the teacher ")
    assert "this network 100 %" in tried.told_of_soft_labels[0]
    assert_same(tried, other)


def test_variables_optimizer_and_random_states_are_what_they_were() -> None:
    model = _model(PERFECT)
    model.optimizer.build(model.trainable_variables)

    def state() -> list[Any]:
        seeds = [each if not hasattr(each, "state") else np.array(each.state) for each in seed_state().values()]
        generators = [np.array(each.state) for layer in model.base.layers for each in layer._seed_generators]
        return [np.array(each) for each in (*model.variables, *model.optimizer.variables)] + generators + seeds

    before = state()
    outcome = listen(model, *_training(model))
    assert outcome.weights == {"soft_labels": 1.0}
    for one, other in zip(before, state(), strict=True):
        np.testing.assert_array_equal(one, other)
    mixed, soft = outcome.targets["soft_labels"], TARGETS["soft_labels"]
    np.testing.assert_array_equal(np.isnan(mixed), np.isnan(soft))
    assert not np.array_equal(mixed, soft, equal_nan=True)


def test_what_is_said_of_a_fold_follows_from_the_labels_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = np.split(np.arange(N_LABELLED), 2)
    monkeypatch.setattr("auxtasks.keras.listening.folds_of", lambda *_: [(first, second), (second, first)])
    other = Y.copy()
    other[first] = 1 - Y[first]
    model = _model()
    _, training = _training(model)
    known = TARGETS.teachers[0]
    found, changed = (
        cross_validated(model, known.spec, replace(known.labels, main=y), training._replace(main=y)) for y in (Y, other)
    )
    np.testing.assert_array_equal(found.unseen[first], changed.unseen[first])
    assert (found.unseen[second] != changed.unseen[second]).all()


def test_a_network_is_traced_once_and_found_to_be_the_same_again() -> None:
    model = _model(PERFECT)
    first, plain = listen(model, *_training(model)), model._listening.plain(model)[0]
    second = listen(model, *_training(model))
    assert first.sentences == second.sentences
    np.testing.assert_array_equal(first.targets["soft_labels"], second.targets["soft_labels"])
    assert model._listening.plain(model)[0] is plain
    model.compile("sgd", LOSS)
    assert model._listening.plain(model)[0] is not plain


def test_a_weight_that_was_given_is_not_decided() -> None:
    model = _fit(_model(weights={"soft_labels": 0.5}))
    assert model.loss_weights == {"soft_labels": 0.5}
    assert model.told_of_soft_labels == []


def test_decided_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _network_says(monkeypatch, PERFECT)
    model = _fit(_model(FLAT))

    def again(*args: Any) -> None:
        raise AssertionError("decided again")

    monkeypatch.setattr("auxtasks.keras.listening.listen", again)
    assert _fit(model).loss_weights == {"soft_labels": 0.0}
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss_weights == {"soft_labels": 0.0}
    assert _fit(loaded).loss_weights == {"soft_labels": 0.0}


def test_numbers_and_a_network_that_diverges() -> None:
    numbers = np.where(np.arange(N) < N_LABELLED, X[:, 0], np.nan)
    targets = _targets(Ridge(), numbers)
    told = _fit(_model(targets=targets, loss="mse"), targets).told_of_soft_labels[0]
    assert told.startswith("soft_labels: learned: the teacher explains ")
    model = _model(targets=targets, loss="mse")
    model.compile(keras.optimizers.SGD(1e30), "mse")
    outcome = listen(model, *_training(model, targets))
    assert outcome.targets == {}
    assert outcome.sentences[0].endswith("this network's predictions are not finite.")


@pytest.mark.graph
def test_in_a_graph() -> None:
    assert _fit(_model(PERFECT)).loss_weights == {"soft_labels": 1.0}


def test_of_models_that_begin_alike_one_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[AuxModel] = []

    def counted(model: AuxModel, *args: Any) -> Opinion:
        asked.append(model)
        return cross_validated(model, *args)

    monkeypatch.setattr("auxtasks.keras.listening.cross_validated", counted)
    heard: dict[str, Opinion] = {}
    models = [_model(PERFECT) for _ in range(4)]
    for model in models[1:]:
        model._listening.heard = heard
    models[3].base.layers[-1].bias.assign([0.5, 0.0])
    alone, first, second, other = map(_fit, models)
    assert asked == [alone, first, other]
    assert len(heard) == 2
    assert first.told_of_soft_labels == second.told_of_soft_labels == alone.told_of_soft_labels
    for weights in (first.get_weights(), second.get_weights()):
        assert all(map(np.array_equal, weights, alone.get_weights()))
    assert not all(map(np.array_equal, other.get_weights(), alone.get_weights()))
