"""Bases with several outputs or inputs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, SPECS, X, aux_targets, dataset, labels, some_missing
from keras import layers

from auxtasks.errors import InvalidInputError, UnknownNameError
from auxtasks.keras import AuxModel, attach_heads, strip_heads
from auxtasks.keras.class_weights import main_weights
from auxtasks.keras.outputs import label_names

TARGETS = aux_targets()
YA, YB = labels(), X[:, :1] * 2
LOSSES = {"a": LOSS, "b": "mse"}
METRICS = {"a": ["accuracy"], "b": ["mae"]}


@keras.saving.register_keras_serializable("auxtasks_tests")
class TwoOutputs(keras.Model):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden = layers.Dense(8, activation="relu", name="hidden")
        self.a, self.b = layers.Dense(3, activation="softmax", name="a"), layers.Dense(1, name="b")

    def call(self, inputs: Any) -> Any:
        hidden = self.hidden(inputs)
        return {"a": self.a(hidden), "b": self.b(hidden)}


def _base(form: str) -> keras.Model:
    keras.utils.set_random_seed(4)
    if form == "subclassed":
        return TwoOutputs()
    inputs = keras.Input((10,))
    hidden = layers.Dense(8, activation="relu", name="hidden")(inputs)
    outputs = {"a": layers.Dense(3, activation="softmax", name="a")(hidden), "b": layers.Dense(1, name="b")(hidden)}
    return keras.Model(inputs, outputs if form == "dict" else list(outputs.values()))


def _model(form: str, weights: float = 1.0) -> AuxModel:
    model = attach_heads(_base(form), SPECS, weights=weights, samples=X)
    model.compile(keras.optimizers.SGD(0.1), LOSSES, metrics=METRICS)
    return model


@pytest.mark.parametrize("form", [pytest.param("dict", marks=pytest.mark.graph), "list", "subclassed"])
def test_outputs_train_by_name_as_in_the_base(form: str) -> None:
    model, base = _model(form, 0.0), _base(form)
    base.compile(keras.optimizers.SGD(0.1), LOSSES, metrics=METRICS, run_eagerly=True)
    plain = base.fit(X, {"a": YA, "b": YB}, 24, shuffle=False, verbose=0).history
    # In another order than that of the outputs, and a form that could hold missing labels.
    data = dataset(X, {"b": YB, "a": YA, **TARGETS}, 24)
    logs = model.fit(data, validation_data=(X, {"a": YA, "b": YB}), verbose=0).history
    assert {name: logs[name][0] for name in plain} == pytest.approx({name: plain[name][0] for name in plain}, rel=1e-4)
    assert {"numbers_loss", "kind_loss", "val_a_accuracy"} <= set(logs)
    for one, other in zip(base.get_weights(), model.base.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    for one, other in zip(
        keras.tree.flatten(model.predict(X, verbose=0)),
        keras.tree.flatten(base.predict_on_batch(X)),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(("form", "missing"), [("dict", "a"), ("list", "b"), ("subclassed", "both")])
def test_each_output_has_missing_labels_of_its_own(form: str, missing: str) -> None:
    model = _model(form)
    ya = some_missing(YA) if missing != "b" else YA.astype("uint8")
    yb = some_missing(YB) if missing != "a" else YB
    logs = model.evaluate(X, {"b": yb, "a": ya}, batch_size=48, return_dict=True, verbose=0)
    full = model.evaluate(X, {"a": YA, "b": YB}, batch_size=48, return_dict=True, verbose=0)
    few = model.evaluate(X[:20], {"a": YA[:20], "b": YB[:20]}, batch_size=48, return_dict=True, verbose=0)
    for name in ("a_loss", "a_accuracy", "b_loss", "b_mae"):
        expected = few if missing in (name[0], "both") else full
        assert logs[name] == pytest.approx(expected[name], rel=1e-5), name
    trained = model.fit(X, {"b": yb, "a": ya, **TARGETS}, verbose=0).history
    assert np.isfinite(list(trained.values())).all()


def test_sample_weights_by_output_go_together_with_missing_labels() -> None:
    model = attach_heads(_base("dict"), SPECS, samples=X, weights=1.0)
    model.compile("sgd", LOSSES, weighted_metrics={"b": ["mae"]})
    weight = {"a": np.ones(48), "b": np.random.default_rng(0).random(48)}
    found = model.evaluate(X, {"a": YA, "b": some_missing(YB)}, 48, 0, weight, return_dict=True)
    few = {name: values[:20] for name, values in weight.items()}
    expected = model.evaluate(X[:20], {"a": YA[:20], "b": YB[:20]}, 48, 0, few, return_dict=True)
    assert (found["b_loss"], found["b_mae"]) == (pytest.approx(expected["b_loss"]), pytest.approx(expected["b_mae"]))


def test_outputs_of_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"`y`: .*'c'.*Valid names: 'a', 'b', 'kind', 'numbers'"):
        _model("dict").fit(X, {"a": YA, "b": YB, "c": YB, **TARGETS})
    with pytest.raises(InvalidInputError, match=r"`class_weight`: the model has the outputs \['a', 'b'\]"):
        _model("dict").fit(X, {"a": YA, "b": YB, **TARGETS}, class_weight={0: 2.0})


@pytest.mark.parametrize(("form", "missing"), [("dict", True), ("list", False), ("subclassed", True)])
def test_class_weights_by_output_are_sample_weights(form: str, missing: bool) -> None:
    ya, weights = some_missing(YA) if missing else YA, {"a": {0: 3.0, 2: 0.5}, "kind": {1: 2.0}}
    weighed, expected = _model(form), _model(form)
    y = {"a": ya, "b": YB, **TARGETS}
    weighed.fit(X, y, 48, class_weight=weights, shuffle=False, verbose=0)
    by_sample: Any = {
        "a": np.select([ya == 0, ya == 2], [3.0, 0.5], 1.0),
        "b": np.ones(48),
        "kind": np.where(TARGETS["kind"] == 1, 2.0, 1.0),
    }
    expected.fit(X, y, 48, sample_weight=by_sample, shuffle=False, verbose=0)
    for one, other in zip(weighed.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


# The steps that differ: joint, with gradients by task, and in turns; each form of outputs at least once.
CONTROLS: list[tuple[str, dict[str, Any]]] = [
    ("dict", {"weighting": "uncertainty"}),
    ("list", {"weighting": "cosine_gate"}),
    ("subclassed", {"schedule": "alternating"}),
    ("list", {"weights": "auto", "metrics": "auto", "losses": {"kind": "focal"}}),
]


@pytest.mark.parametrize(("form", "options"), CONTROLS)
def test_several_outputs_work_with_every_control_and_are_saved(form: str, options: Any, tmp_path: Any) -> None:
    model = attach_heads(_base(form), SPECS, samples=X, **{"weights": 1.0, **options})
    loss_weights = {"a": 1.0, "b": 0.5}
    model.compile("adam", LOSSES, loss_weights=loss_weights, metrics=METRICS)
    y = {"a": some_missing(YA), "b": some_missing(YB, 30), **TARGETS}
    logs = model.fit(X, y, 48, verbose=0).history
    assert np.isfinite([values for name, values in logs.items() if not name.endswith("cosine")]).all()
    plain = {"a": YA, "b": YB}
    # One batch: in a graph Keras weighs batches of any size alike in the means of outputs.
    expected = model.evaluate(X, plain, 48, return_dict=True, verbose=0)
    assert expected["loss"] == pytest.approx(expected["a_loss"] + 0.5 * expected["b_loss"], rel=1e-4)
    if options.get("weights") == "auto":
        assert model.loss_weights["kind"] == pytest.approx(0.06)  # 30 of 48 samples have a label
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(X, plain, 48, return_dict=True, verbose=0) == pytest.approx(expected, rel=1e-5)
    outputs = keras.tree.flatten(strip_heads(loaded).predict(X, verbose=0))
    for one, other in zip(outputs, keras.tree.flatten(model.predict(X, verbose=0)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@keras.saving.register_keras_serializable("auxtasks_tests")
class TwoInputs(keras.Model):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Without names, which Keras then counts up from model to model.
        self.hidden, self.top = layers.Dense(8, activation="relu"), layers.Dense(3, activation="softmax")

    def call(self, inputs: Any) -> Any:
        return self.top(self.hidden(inputs["left"] - inputs["right"]))


def test_labels_in_a_list_are_those_of_the_outputs_in_the_order_of_keras() -> None:
    inputs = keras.Input((10,))
    model = keras.Model(inputs, {"b": layers.Dense(1)(inputs), "a": layers.Dense(3)(inputs)})
    found = main_weights({"a": {1: 5.0}}, [YA, YB], None, label_names(model))
    np.testing.assert_array_equal(found[0], np.where(YA == 1, 5.0, 1.0))
    np.testing.assert_array_equal(found[1], np.ones(48))


class OneByName(keras.Model):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden, self.a = layers.Dense(8, activation="relu"), layers.Dense(3, activation="softmax")

    def call(self, inputs: Any) -> Any:
        return {"a": self.a(self.hidden(inputs))}


class TwoByPlace(TwoOutputs):
    def call(self, inputs: Any) -> Any:
        hidden = self.hidden(inputs)
        return self.a(hidden), self.b(hidden)


def test_a_subclassed_model_with_a_mapping_of_one_output_takes_its_name() -> None:
    model = attach_heads(OneByName(), SPECS, samples=X, weights=1.0)
    model.compile("sgd", {"a": LOSS})
    assert model.label_names == ["a"]
    logs = model.fit(X, {"a": some_missing(YA), **TARGETS}, verbose=0).history
    assert {"main_loss", "numbers_loss"} <= set(logs)
    with pytest.raises(UnknownNameError, match=r"`y`: there is no output or target named 'aa'. Did you mean 'a'"):
        model.evaluate(X, {"aa": YA}, verbose=0)


def test_a_subclassed_model_with_a_tuple_takes_labels_by_place() -> None:
    model = attach_heads(TwoByPlace(), SPECS, samples=X, weights=1.0)
    model.compile("sgd", [LOSS, "mse"])
    by_place = {"0": some_missing(YA), "1": YB}
    expected = model.evaluate(X, [by_place["0"], YB], verbose=0, return_dict=True)
    assert model.evaluate(X, by_place, verbose=0, return_dict=True) == expected
    logs = model.fit(X, {**by_place, **TARGETS}, verbose=0).history
    assert np.isfinite(list(logs.values())).all()


def test_inputs_by_name_work_throughout(tmp_path: Any) -> None:
    x = {"left": X, "right": X[::-1]}
    model = attach_heads(TwoInputs(), SPECS, at=0, samples=x, weights=1.0)
    model.compile("sgd", LOSS)
    model.fit(x, {"main": some_missing(YA), **TARGETS}, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    y = {"main": YA, **TARGETS}
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert loaded.taps != model.taps  # the names were counted up, the layer is the same
    assert loaded.taps["kind"] == loaded.base.layers[0].name


def test_all_inputs_are_needed_for_the_trial_run() -> None:
    left, right = keras.Input((10,)), keras.Input((10,))
    hidden = layers.Dense(4)(layers.Add()([left, right]))
    base = keras.Model([left, right], layers.Dense(2)(hidden))
    with pytest.raises(InvalidInputError, match=r"`samples`: the model reads 2 inputs; found 1. Pass samples of all"):
        attach_heads(base, SPECS, samples=X, weights=1.0)
