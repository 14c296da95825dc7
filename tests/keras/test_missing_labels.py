"""Samples without a main label train the auxiliary tasks only, and count in no main loss or metric."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from helpers import (
    LOSS,
    SPECS,
    X,
    assert_same,
    aux_targets,
    dataset,
    dense_base,
    dense_model,
    fit_alike,
    labels,
    some_missing,
)
from keras import layers

from auxtasks.errors import InvalidInputError
from auxtasks.keras import attach_heads

TARGETS = aux_targets()
ONE_HOT = np.eye(3, dtype="float32")[labels()]
BINARY = (labels() > 0).astype("int64")
CASES: dict[str, tuple[np.ndarray, int, str | None, str, list[Any]]] = {
    # labels, outputs, activation, loss, metrics
    "classes": (labels(), 3, "softmax", LOSS, ["accuracy"]),
    "one-hot": (ONE_HOT, 3, "softmax", "categorical_crossentropy", ["accuracy", keras.metrics.AUC]),
    "numbers": (X[:, 0] * 2, 1, None, "mse", ["mae"]),
    "vectors": (X[:, :2], 2, None, "mae", ["mse", keras.metrics.R2Score]),
    "binary": (BINARY, 1, "sigmoid", "binary_crossentropy", ["accuracy", keras.metrics.AUC]),
    "float classes": (labels().astype("float32"), 3, "softmax", LOSS, ["accuracy"]),
}


def _model(case: str, weights: float = 1.0, loss: Any = None) -> Any:
    _, outputs, activation, name, metrics = CASES[case]
    fresh = [metric if isinstance(metric, str) else metric() for metric in metrics]
    return dense_model(weights, base=dense_base(outputs, activation, 0.0), loss=loss or name, metrics=fresh)


@pytest.mark.parametrize("case", CASES)
def test_losses_and_metrics_are_those_of_the_labelled_samples(case: str) -> None:
    y, model = CASES[case][0], _model(case)
    partly = model.evaluate(X, {"main": some_missing(y), **TARGETS}, batch_size=48, return_dict=True, verbose=0)
    alone = model.evaluate(X[:20], y[:20], batch_size=20, return_dict=True, verbose=0)
    assert partly["main_loss"] == pytest.approx(alone["loss"], rel=1e-5)
    for name in set(alone) - {"loss"}:
        assert partly[name] == pytest.approx(alone[name], rel=1e-5), name


@pytest.mark.parametrize("case", CASES)
def test_the_base_trains_as_on_the_labelled_samples_alone(case: str) -> None:
    y, partly, alone = CASES[case][0], _model(case, 0.0), _model(case, 0.0)
    partly.train_on_batch(X, {"main": some_missing(y), **TARGETS})
    alone.base.compile(keras.optimizers.SGD(0.1), CASES[case][3])
    alone.base.train_on_batch(X[:20], y[:20])
    for one, other in zip(partly.base.get_weights(), alone.base.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight", "sum_over_batch_size"])
def test_every_reduction_of_a_loss_object_leaves_them_out(reduction: str) -> None:
    model = _model("classes", loss=keras.losses.SparseCategoricalCrossentropy(reduction=reduction))
    missing = {"main": some_missing(labels())}
    partly = model.evaluate(X, missing, batch_size=48, verbose=0)[0]
    assert partly == pytest.approx(model.evaluate(X[:20], labels()[:20], batch_size=20, verbose=0)[0], rel=1e-5)


def test_weights_and_weighted_metrics_go_together_with_missing_labels() -> None:
    model = dense_model(weighted_metrics=["accuracy"])
    weight = np.random.default_rng(0).random(48).astype("float32")
    missing = some_missing(labels())
    partly = model.evaluate(X, {"main": missing}, 48, 0, weight, return_dict=True)
    alone = model.evaluate(X[:20], labels()[:20], 20, 0, weight[:20], return_dict=True)
    assert partly["loss"] == pytest.approx(alone["loss"], rel=1e-5)
    assert partly["accuracy"] == pytest.approx(alone["accuracy"], rel=1e-5)


@pytest.mark.parametrize(
    ("form", "case"),
    [("arrays", "classes"), ("arrays", "one-hot"), ("arrays", "float classes"), ("dataset", "classes")],
)
def test_class_weights_go_together_with_missing_labels(case: str, form: str) -> None:
    y, partly, alone = CASES[case][0], _model(case, 0.0), _model(case, 0.0)
    weights = {0: 0.5, 1: 2.0, 2: 3.0}
    full = (X, {"main": some_missing(y), **TARGETS})
    data: Any = full if form == "arrays" else (dataset(*full, 48),)
    partly.fit(
        *data,
        class_weight=weights,
        shuffle=False,
        labelled_share=None,
        verbose=0,
        **({"batch_size": 48} if form == "arrays" else {}),
    )
    few = {name: target[:20] for name, target in TARGETS.items()}
    alone.fit(X[:20], {"main": y[:20], **few}, class_weight=weights, shuffle=False, verbose=0)
    for one, other in zip(partly.base.get_weights(), alone.base.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_without_any_label_only_the_tasks_train_and_nothing_is_reported_as_zero(run_eagerly: bool) -> None:
    model = dense_model(metrics=["accuracy"], run_eagerly=run_eagerly)
    top, hidden = (model.base.get_layer(name).kernel.numpy() for name in ("top", "hidden"))
    logs = model.fit(X, {"main": np.full(48, -1), **TARGETS}, verbose=0).history
    assert np.isnan([logs["main_loss"], logs["accuracy"]]).all()
    assert logs["loss"] == pytest.approx(np.add(logs["numbers_loss"], logs["kind_loss"]), rel=1e-5)
    np.testing.assert_array_equal(model.base.get_layer("top").kernel, top)
    assert not np.array_equal(model.base.get_layer("hidden").kernel, hidden)


def test_labels_per_step_that_are_missing_or_masked_are_left_out() -> None:
    inputs = keras.Input((6, 3))
    hidden = layers.Dense(5)(layers.Masking()(inputs))
    base = keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(48, 6, 3)).astype("float32"), rng.integers(0, 3, (48, 6))
    x[:, 4:] = 0.0
    model = attach_heads(base, SPECS, samples=x, weights=1.0)
    model.compile("sgd", LOSS, metrics=["accuracy"])
    base.compile("sgd", LOSS, metrics=["accuracy"])
    padded = y.copy()
    padded[:, 4:] = -1
    expected = base.evaluate(x, y, return_dict=True, verbose=0)  # Keras leaves masked steps out of loss and accuracy
    for given in (y, padded):
        found = model.evaluate(x, given, return_dict=True, verbose=0)
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    padded[:, 1] = -1  # and some that the mask does not leave out
    short = base.predict(x, verbose=0)[:, [0, 2, 3]]
    picked = np.take_along_axis(short, y[:, [0, 2, 3], None], axis=2)
    found = model.evaluate(x, {"main": padded}, batch_size=48, return_dict=True, verbose=0)
    assert found["loss"] == pytest.approx(-np.log(picked).mean(), rel=1e-5)
    assert found["accuracy"] == pytest.approx((short.argmax(axis=2) == y[:, [0, 2, 3]]).mean(), rel=1e-5)


@pytest.mark.parametrize("loss", ["hinge", keras.losses.SquaredHinge(name="margin"), keras.losses.hinge])
def test_the_labels_of_hinge_losses_are_not_missing(loss: Any) -> None:
    y = 2 * BINARY - 1
    model = dense_model(base=dense_base(1, None, 0.0), loss=loss)
    model.base.compile("sgd", loss)
    assert model.evaluate(X, y, verbose=0) == pytest.approx(model.base.evaluate(X, y, verbose=0), rel=1e-5)


def test_integers_below_minus_one_are_refused() -> None:
    model = dense_model()
    with pytest.raises(InvalidInputError, match=r"`y`: -1 stands for a missing label .* found -24. Pass .* floats"):
        model.fit(X, {"main": np.arange(48) - 24, **TARGETS})


@pytest.mark.parametrize("loss", ["mse", keras.losses.Huber(), keras.losses.mean_absolute_error])
def test_an_integer_that_may_be_a_number_or_missing_is_refused(loss: Any) -> None:
    model = dense_model(base=dense_base(1, None), loss=loss)
    with pytest.raises(InvalidInputError, match=r"`y` holds -1 among integers; .* Pass floats, with NaN"):
        model.fit(X, {"main": np.arange(48) % 3 - 1, **TARGETS})


@pytest.mark.parametrize("batch_size", [8, 48])
def test_the_loss_does_not_depend_on_how_labels_fall_into_batches(batch_size: int) -> None:
    model = dense_model()
    found = model.evaluate(X, {"main": some_missing(labels()), **TARGETS}, batch_size, 0, return_dict=True)
    parts = sum(found[name] for name in ("main_loss", "numbers_loss", "kind_loss"))
    assert found["loss"] == pytest.approx(parts, rel=1e-5)


def test_a_vector_label_with_one_missing_entry_is_missing() -> None:
    y = X[:, :2].copy()
    y[::2, 1] = np.nan
    model = _model("vectors", 0.0)
    found = model.evaluate(X, {"main": y}, batch_size=48, return_dict=True, verbose=0)
    alone = model.evaluate(X[1::2], y[1::2], batch_size=48, return_dict=True, verbose=0)
    assert found["loss"] == pytest.approx(alone["loss"], rel=1e-5)


def test_all_labels_present_is_as_without_the_possibility() -> None:
    signed, unsigned = dense_model(), dense_model()
    fit_alike(signed, X, {"main": labels(), **TARGETS})
    fit_alike(unsigned, X, {"main": labels().astype("uint8"), **TARGETS})
    assert_same(signed, unsigned)


def test_validation_split_is_refused_while_labels_are_missing() -> None:
    with pytest.raises(InvalidInputError, match=r"`validation_split`.*Pass labelled samples as `validation_data`"):
        dense_model().fit(X, {"main": some_missing(labels()), **TARGETS}, validation_split=0.2)
