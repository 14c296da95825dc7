"""Every form of data that Keras takes, and what is logged."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from helpers import LOSS, SPECS, Batches, X, assert_same, aux_targets, dataset, dense_model, labels, some_missing

Y = {"main": labels(), **aux_targets()}


def _generator(x: Any, y: Any) -> Any:
    while True:
        yield from (Batches(x, y)[index] for index in range(3))


@pytest.fixture(scope="module")
def arrays() -> Any:
    return _fit(X, Y, shuffle=False, batch_size=16)


def _fit(*data: Any, epochs: int = 2, eagerly: bool = True, **arguments: Any) -> Any:
    model = dense_model(metrics=["accuracy"], run_eagerly=eagerly)
    history = model.fit(*data, epochs=epochs, validation_data=(X[:20], labels()[:20]), verbose=0, **arguments)
    return model, history.history


@pytest.mark.parametrize("form", ["dataset", "pydataset", "generator"])
def test_every_form_of_data_trains_the_same(form: str, arrays: Any) -> None:
    data: dict[str, Any] = {
        "dataset": lambda: _fit(dataset(X, Y), eagerly=False),
        "pydataset": lambda: _fit(Batches(X, Y), shuffle=False),
        "generator": lambda: _fit(_generator(X, Y), steps_per_epoch=3),
    }
    model, logs = data[form]()
    assert logs.keys() == arrays[1].keys()
    for name in logs:
        assert logs[name] == pytest.approx(arrays[1][name], rel=1e-4), name
    for one, other in zip(model.get_weights(), arrays[0].get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_several_steps_in_one_execution_log_every_task() -> None:
    model = dense_model(run_eagerly=False, steps_per_execution=3)
    plain = dense_model()
    logs, expected = (m.fit(X, Y, shuffle=False, batch_size=8, verbose=0).history for m in (model, plain))
    assert {name: value[0] for name, value in logs.items()} == pytest.approx(
        {name: value[0] for name, value in expected.items()}, rel=1e-4
    )


def test_history_holds_what_it_should(arrays: Any) -> None:
    tasks = {f"{name}_loss" for name in SPECS}
    assert set(arrays[1]) == {"loss", "main_loss", "accuracy", "val_loss", "val_main_loss", "val_accuracy"} | tasks
    assert arrays[1]["loss"][0] == pytest.approx(sum(arrays[1][name][0] for name in tasks | {"main_loss"}), rel=1e-4)


def test_evaluate_reports_only_the_targets_it_is_given(arrays: Any) -> None:
    model, _ = arrays
    plain = model.evaluate(X, labels(), return_dict=True, verbose=0)
    assert set(plain) == {"loss", "accuracy"}
    model.base.compile("sgd", LOSS, metrics=["accuracy"])
    loss, accuracy = model.base.evaluate(X, labels(), verbose=0)
    assert (plain["loss"], plain["accuracy"]) == (pytest.approx(loss), accuracy)
    assert model.evaluate(X, labels(), verbose=0) == [pytest.approx(loss), accuracy]
    one = model.evaluate(X, {"main": labels(), "kind": Y["kind"]}, return_dict=True, verbose=0)
    assert set(one) == {"loss", "main_loss", "accuracy", "kind_loss"}
    full = model.evaluate(dataset(X, Y), return_dict=True, verbose=0)
    assert set(full) == {"loss", "main_loss", "accuracy", "kind_loss", "numbers_loss"}
    assert full["kind_loss"] == pytest.approx(one["kind_loss"], rel=1e-5)
    assert model.evaluate(X, labels(), 32, 0, np.ones(48))[0] == pytest.approx(loss)


def test_validation_can_hold_targets_or_not() -> None:
    model = dense_model()
    with_targets = model.fit(X, Y, validation_data=(X, Y), verbose=0).history
    assert {"val_numbers_loss", "val_kind_loss"} <= set(with_targets)
    assert with_targets["val_loss"] == with_targets["val_main_loss"]
    without = model.fit(X, Y, validation_data=dataset(X, labels()), verbose=0).history
    assert {name for name in without if name.startswith("val_")} == {"val_loss", "val_main_loss"}
    assert without["val_loss"] == without["val_main_loss"]
    split = model.fit(X, Y, validation_split=0.25, verbose=0).history
    assert {"val_numbers_loss", "val_kind_loss"} <= set(split)
    assert split["val_loss"] == split["val_main_loss"]
    last = model.evaluate(X[36:], labels()[36:], return_dict=True, verbose=0)
    assert split["val_main_loss"][-1] == pytest.approx(last["loss"], rel=1e-5)


@pytest.mark.parametrize("weights", ["array", "mapping", "class_weight"])
def test_sample_weights_of_the_main_loss_agree_with_the_base(weights: str) -> None:
    weight = np.random.default_rng(0).random(48).astype("float32")
    class_weight = {0: 0.5, 1: 2.0}
    plain = dense_model(0.0).base
    plain.compile(keras.optimizers.SGD(0.1), LOSS)
    model = dense_model(0.0, weighted_metrics=["accuracy"])
    if weights == "class_weight":
        plain.fit(X, labels(), class_weight=class_weight, shuffle=False, verbose=0)
        model.fit(X, Y, class_weight=class_weight, shuffle=False, verbose=0)
    else:
        plain.fit(X, labels(), sample_weight=weight, shuffle=False, verbose=0)
        model.fit(X, Y, sample_weight=weight if weights == "array" else {"main": weight}, shuffle=False, verbose=0)
    assert_same(model.base, plain)


def test_sample_weights_of_a_task_weigh_that_task_alone() -> None:
    model = dense_model()
    half = np.repeat([0.0, 1.0], 24)
    full = model.evaluate(X, Y, batch_size=48, return_dict=True, verbose=0)
    second = model.evaluate(X[24:], {name: y[24:] for name, y in Y.items()}, return_dict=True, verbose=0, batch_size=48)
    weighed = model.evaluate(X, Y, sample_weight={"numbers": half}, batch_size=48, return_dict=True, verbose=0)
    assert weighed["numbers_loss"] == pytest.approx(
        second["numbers_loss"] / 2, rel=1e-5
    )  # as in Keras, over all samples
    assert (weighed["kind_loss"], weighed["main_loss"]) == (full["kind_loss"], full["main_loss"])


@pytest.fixture(scope="module")
def known() -> dict[str, float]:
    found: dict[str, float] = dense_model().train_on_batch(X, Y, return_dict=True)
    return found


@pytest.mark.parametrize("form", ["list", "series", "uint8", "float64", "column"])
def test_labels_of_every_form_are_taken(form: str, known: dict[str, float]) -> None:
    y: Any = {
        "list": labels().tolist(),
        "series": pd.Series(labels()),
        "uint8": labels().astype("uint8"),
        "float64": labels().astype("float64"),
        "column": labels()[:, None],
    }[form]
    targets = {"numbers": pd.DataFrame(Y["numbers"]), "kind": Y["kind"].tolist()} if form == "series" else aux_targets()
    x = X.astype(form if form == "float64" else "float32")
    logs = dense_model().fit(x, {"main": y, **targets}, 48, shuffle=False, verbose=0).history
    assert {name: value for name, (value,) in logs.items()} == pytest.approx(known, rel=1e-4)


def test_single_batches_can_be_trained_and_tested() -> None:
    model, other = dense_model(), dense_model()
    trained = model.train_on_batch(X, Y, return_dict=True)
    expected = other.fit(X, Y, batch_size=48, shuffle=False, verbose=0).history
    assert {name: float(value) for name, value in trained.items()} == pytest.approx(
        {name: value[0] for name, value in expected.items()}, rel=1e-5
    )
    model.reset_metrics()  # which Keras does by itself only from 3.14 on
    assert set(model.test_on_batch(X, labels(), return_dict=True)) == {"loss"}


def test_callbacks_see_the_main_metrics(tmp_path: Any) -> None:
    model = dense_model(metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(
        "val_accuracy", mode="max", patience=0, min_delta=2.0, restore_best_weights=True
    )
    save = keras.callbacks.ModelCheckpoint(tmp_path / "best.weights.h5", save_best_only=True, save_weights_only=True)
    history = model.fit(X, Y, 32, 5, 0, [stop, save], validation_data=(X, labels()))
    assert len(history.history["loss"]) == 2  # nothing improves by 2
    after = model.predict(X, verbose=0)
    model.load_weights(tmp_path / "best.weights.h5")
    best = int(np.argmin(history.history["val_loss"]))
    assert model.evaluate(X, labels(), verbose=0)[0] == pytest.approx(history.history["val_loss"][best], rel=1e-5)
    assert np.isfinite(after).all()


def test_fitting_and_compiling_again_goes_on() -> None:
    once, twice = dense_model(), dense_model()
    once.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    twice.fit(X, Y, shuffle=False, verbose=0)
    twice.compile(twice.optimizer, LOSS)
    twice.fit(X, Y, shuffle=False, verbose=0)
    for one, other in zip(once.base.get_weights(), twice.base.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_weights_can_change_without_compiling_again() -> None:
    model, fresh = dense_model(weights={"numbers": 2.0}, run_eagerly=False), dense_model(weights=0.0)
    model.set_loss_weights(0.0)
    assert model.loss_weights == {"numbers": 0.0, "kind": 0.0}
    for each in (model, fresh):
        each.fit(X, Y, shuffle=False, verbose=0)
    for one, other in zip(model.base.get_weights(), fresh.base.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_missing_labels_are_found_in_every_form() -> None:
    y = {**Y, "main": some_missing(labels())}
    expected = None
    for data in ((X, y), (dataset(X, y),), (Batches(X, y),), (dataset(X, {**y, "main": y["main"].astype("int8")}),)):
        logs = dense_model(metrics=["accuracy"]).evaluate(
            *data, return_dict=True, verbose=0, **({"batch_size": 16} if len(data) == 2 else {})
        )
        expected = expected or logs
        assert logs == pytest.approx(expected, rel=1e-5)
