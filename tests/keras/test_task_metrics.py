"""Metrics of auxiliary tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, SPECS, X, aux_targets, dense_base, fit_alike, labels
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, roc_auc_score

from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import AuxModel, attach_heads
from auxtasks.keras.metrics import resolve_metrics
from auxtasks.specs import TargetSpec

TASKS = {**SPECS, "tags": TargetSpec("tags", "test", "multilabel", (3,), baseline_loss=0.69)}
Y = {"main": labels(), **aux_targets(), "tags": np.random.default_rng(0).integers(0, 2, (48, 3))}


def _model(metrics: Any, **compile_args: Any) -> AuxModel:
    model = attach_heads(dense_base(), TASKS, samples=X, weights=1.0, metrics=metrics)
    model.compile(keras.optimizers.SGD(0.1), LOSS, **compile_args)
    return model


def test_metrics_are_those_of_scikit_learn_over_complete_rows(tmp_path: Path) -> None:
    metrics = {"kind": ["accuracy", keras.metrics.F1Score("macro")], "numbers": "mae", "tags": ["auto"]}
    model = _model(metrics)
    y = {name: values.copy() for name, values in Y.items()}
    y["kind"][:10], y["numbers"][::3, 1], y["tags"][:5, 0] = -1, np.nan, -1
    found = model.evaluate(X, y, batch_size=20, return_dict=True, verbose=0)
    predicted = model.predict_auxiliary(X, verbose=0)
    kinds, rows, whole = predicted["kind"].argmax(axis=1)[10:], ~np.isnan(y["numbers"]).any(axis=1), slice(5, None)
    assert found["kind_accuracy"] == pytest.approx(accuracy_score(y["kind"][10:], kinds))
    expected = f1_score(y["kind"][10:], kinds, average="macro", labels=range(5), zero_division=0)
    assert found["kind_f1_score"] == pytest.approx(expected, rel=1e-5)
    assert found["numbers_mae"] == pytest.approx(mean_absolute_error(y["numbers"][rows], predicted["numbers"][rows]))
    # Keras's areas are those of 200 thresholds.
    assert found["tags_auc"] == pytest.approx(roc_auc_score(y["tags"][whole], predicted["tags"][whole]), abs=0.02)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras").evaluate(X, y, batch_size=20, return_dict=True, verbose=0)
    assert again == pytest.approx(found)


def test_metrics_change_no_training_and_are_logged_where_there_are_targets() -> None:
    # In a graph, where the logs must be known when it is traced.
    plain, model = (_model(metrics, run_eagerly=False) for metrics in (None, "auto"))
    logs = [fit_alike(each, X, Y, 48, validation_data=(X, labels())) for each in (plain, model)]
    np.testing.assert_array_equal(plain.get_weights()[0], model.get_weights()[0])
    assert {name: logs[1][name] for name in logs[0]} == logs[0]
    assert logs[1].keys() - logs[0].keys() == {"kind_accuracy", "numbers_mae", "tags_auc"}


@pytest.mark.eager  # logs of a graph hold what has no value as NaN
def test_metrics_begin_anew_in_each_epoch_and_are_unknown_without_a_target() -> None:
    model = _model({"kind": ["accuracy"]})
    model.fit(X, Y, verbose=0)
    first = model.evaluate(X, Y, return_dict=True, verbose=0)["kind_accuracy"]
    assert model.evaluate(X, Y, return_dict=True, verbose=0)["kind_accuracy"] == first
    none = {**Y, "kind": np.full(48, -1)}
    assert "kind_accuracy" not in model.evaluate(X, none, return_dict=True, verbose=0)


@pytest.mark.parametrize(
    ("metrics", "error", "message"),
    [
        ({"knd": "mae"}, UnknownNameError, "`metrics`: .*'knd'.*Did you mean 'kind'"),
        ({"kind": "acuracy"}, UnknownNameError, "no metric named 'acuracy'. Did you mean 'accuracy'"),
        ({"numbers": "accuracy"}, UnknownNameError, "no metric named 'accuracy'"),
        ({"kind": [len]}, InvalidTypeError, "must be a name such as 'mae' or a keras.metrics.Metric"),
        ({"kind": ["auto", "accuracy"]}, InvalidInputError, "clash in the logs"),
        (["mae"], InvalidTypeError, "`metrics` must be 'auto' or a mapping of auxiliary targets"),
    ],
)
def test_what_is_no_metric_is_refused(metrics: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        resolve_metrics(metrics, TASKS)
