"""Where many models are trained by intention, TensorFlow's warning of that is left out, and nothing else it logs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

import auxtasks
from auxtasks import demo
from auxtasks.audit import audit
from auxtasks.sklearn import AuxClassifier

LOGGER = logging.getLogger("tensorflow")
RETRACING = "5 out of the last 5 calls to <function> triggered tf.function retracing. Tracing is expensive"
OTHER = "something else"
X = np.random.default_rng(0).normal(size=(24, 12, 1)).astype("float32")
Y = np.arange(24) % 2


def warn(*_: Any, **__: Any) -> None:
    """Log as TensorFlow does while a model is traced, and something else."""
    LOGGER.warning(RETRACING)
    LOGGER.warning(OTHER)


class Traced(keras.callbacks.Callback):
    """What happens in each training."""

    on_train_begin = on_predict_begin = warn


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Return what reaches the handlers of TensorFlow's logger, which is afterwards as it was."""
    found: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    before = list(LOGGER.filters), LOGGER.level
    LOGGER.addHandler(handler)
    yield found
    assert (list(LOGGER.filters), LOGGER.level) == before
    found.clear()
    warn()
    LOGGER.removeHandler(handler)
    assert found == [RETRACING, OTHER]


def build_model(*_: Any) -> keras.Model:
    layers = [keras.layers.Flatten(), keras.layers.Dense(3), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((12, 1)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_an_audit_leaves_it_out_of_its_trainings(logged: list[str]) -> None:
    targets = auxtasks.make_aux_targets(X, "signal", ["std"])
    options = {"callbacks": [Traced()]}
    audit(build_model, X, Y, targets, seeds=2, epochs=1, controls=False, progress=False, fit_options=options)
    assert logged == [OTHER] * 4


def test_estimators_leave_it_out_of_fit_and_predict(logged: list[str]) -> None:
    options: dict[str, Any] = {"tasks": ["std"], "epochs": 1, "callbacks": [Traced()]}
    classifier = AuxClassifier(build_model, "signal", **options, predict__callbacks=[Traced()]).fit(X, Y)
    assert logged == [OTHER]
    classifier.predict(X)
    assert logged == [OTHER] * 2


def test_the_demo_leaves_it_out(logged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    split = SimpleNamespace(x_test=X, y_test=Y)
    made = SimpleNamespace(transform=lambda _: {"soft_labels": np.eye(2)[Y]})
    monkeypatch.setattr(demo, "soft_targets", lambda _: made)
    for name in ("train_alone", "train_taught"):
        monkeypatch.setattr(demo, name, lambda *arguments: warn() or 0.5 + 0.01 * arguments[-2])  # type: ignore[func-returns-value]
    found, teacher, _ = demo._train_pairs([split] * 2, epochs=1)  # type: ignore[list-item]
    assert found.auxiliary.tolist() == [0.5, 0.51]
    assert teacher.tolist() == [1.0, 1.0]
    assert logged == [OTHER] * 4
