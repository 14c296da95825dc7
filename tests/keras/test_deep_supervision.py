"""The main label as a task of its own at earlier layers."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, SPECS, X, assert_same, aux_targets, dataset, dense_base, fit_alike, labels, some_missing
from keras import layers

from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import AuxModel, Tap, TaskBatches, attach_heads, strip_heads

EARLY = "main_at_hidden"
Y = some_missing(labels())


def _model(base: keras.Model | None = None, specs: Any = None, loss: Any = LOSS, **kwargs: Any) -> AuxModel:
    kwargs = {"deep_supervision": "hidden", **kwargs}
    model = attach_heads(base or dense_base(), specs, samples=X, **kwargs)
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


def _base(units: int, activation: str | None) -> keras.Model:
    return dense_base(units, activation)


def test_it_is_the_same_as_giving_the_label_as_a_target() -> None:
    early, given = _model(), _model(specs=_model().specs, deep_supervision=None, at="hidden", weights=0.3)
    early.fit(dataset(X, {"main": Y}, 32), verbose=0)
    given.fit(X, {"main": Y, EARLY: Y}, shuffle=False, verbose=0)
    assert_same(early.base, given.base)
    assert early.loss_weights == {EARLY: 0.3}
    assert early.specs[EARLY].baseline_loss == pytest.approx(log(3))


FORMS = {
    "integers": (3, "softmax", LOSS, Y, "class", Y),
    "unsigned": (3, "softmax", LOSS, labels().astype("uint8"), "class", labels()),
    "column": (3, "softmax", LOSS, Y[:, None], "class", Y),
    "one_hot": (3, "softmax", "categorical_crossentropy", np.where(Y[:, None] < 0, np.nan, np.eye(3)[Y]), "class", Y),
    "labels": (3, "sigmoid", "binary_crossentropy", np.eye(3)[labels()], "multilabel", np.eye(3)[labels()]),
    "yes_or_no": (
        1,
        "sigmoid",
        "binary_crossentropy",
        np.where(Y < 0, -1, Y % 2),
        "multilabel",
        np.where(Y < 0, -1, Y % 2)[:, None],
    ),
    "hinge": (1, "tanh", "hinge", np.where(Y % 2, 1, -1), "multilabel", Y[:, None] % 2),
    "hinge_missing": (
        1,
        "tanh",
        "hinge",
        np.where(Y < 0, np.nan, Y % 2 * 2 - 1.0),
        "multilabel",
        np.where(Y < 0, -1, Y % 2)[:, None],
    ),
    "counts": (1, None, "mse", Y, "vector", np.where(Y < 0, np.nan, Y)[:, None]),
    "numbers": (1, None, "mse", some_missing(X[:, 0]), "vector", some_missing(X[:, :1])),
    "logits": (3, None, keras.losses.SparseCategoricalCrossentropy(from_logits=True), Y, "class", Y),
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_of_every_form_are_taken_over(form: str) -> None:
    units, activation, loss, y, kind, expected = FORMS[form]
    asked: Any = ["hidden"] if activation in ("softmax", "sigmoid") else {"hidden": kind}
    model = _model(_base(units, activation), loss=loss, deep_supervision=asked)
    assert model.specs[EARLY].kind == kind
    for given in (y, keras.ops.convert_to_tensor(y)):
        batch, _, _ = model._packer("training").pack(X, {"main": given})
        np.testing.assert_array_equal(batch.targets[EARLY], expected)


def test_it_leaks_nothing_and_is_saved(tmp_path: Path) -> None:
    model = _model(deep_supervision=["hidden", Tap(0, call=0)], specs=SPECS, metrics={EARLY: "accuracy"})
    logs = model.fit(X, {"main": Y, **aux_targets()}, validation_data=(X, labels()), verbose=0).history
    assert {f"{EARLY}_loss", "main_at_0:0_loss", f"{EARLY}_accuracy", "kind_loss"} <= set(logs)
    # With plain labels the validation is that of the base.
    assert [name for name in logs if name.startswith("val_")] == ["val_loss", "val_main_loss"]
    assert model.predict(X, verbose=0).shape == (48, 3)
    early = model.predict_auxiliary(X, verbose=0)[EARLY]
    np.testing.assert_allclose(early.sum(axis=1), 1.0, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict_auxiliary(X, verbose=0)[EARLY], early, rtol=1e-5)
    loaded.fit(X, {"main": Y, **aux_targets()}, verbose=0)
    assert not [layer for layer in strip_heads(model)._flatten_layers() if "aux" in layer.name]


@pytest.mark.graph
def test_weight_zero_is_plain_training() -> None:
    plain, model = dense_base(), _model(weights=0.0)
    plain.compile(keras.optimizers.SGD(0.1), LOSS)
    fit_alike(plain, X, labels())
    fit_alike(model, X, {"main": labels()})
    assert_same(plain, model.base)


@pytest.mark.needs_backend("tensorflow", reason="tasks are trained in turn")
def test_labels_of_main_batches_alone_are_used_where_tasks_have_data_of_their_own() -> None:
    model = _model(specs=SPECS, schedule="alternating")
    data = {
        "main": (X[:16], labels()[:16]),
        "kind": (X, aux_targets()["kind"]),
        "numbers": (X, aux_targets()["numbers"]),
    }
    batches = TaskBatches(data, model, batch_size=8, steps_per_epoch=6)
    logs = model.fit(batches, verbose=0).history
    assert np.isfinite([logs[f"{EARLY}_loss"], logs["main_loss"]]).all()


def _two_outputs() -> keras.Model:
    inputs = keras.Input((10,))
    hidden = layers.Dense(8, activation="relu", name="hidden")(inputs)
    outputs = {"b": layers.Dense(1, "sigmoid", name="b")(hidden), "a": layers.Dense(3, "softmax", name="top")(hidden)}
    return keras.Model(inputs, outputs)


def test_each_of_several_outputs_has_an_early_head() -> None:
    model = _model(_two_outputs(), loss={"a": LOSS, "b": "binary_crossentropy"})
    assert {name: (spec.kind, spec.size) for name, spec in model.specs.items()} == {
        "a_at_hidden": ("class", 3), "b_at_hidden": ("multilabel", 1)
    }  # fmt: skip
    logs = model.fit(X, {"a": Y, "b": labels(classes=2)}, verbose=0).history
    assert np.isfinite([logs["a_at_hidden_loss"], logs["b_at_hidden_loss"]]).all()
    # A list is in the order in which Keras flattens the outputs.
    batch, _, _ = model._packer("training", {"a": "balanced"}).pack_any(X, [Y, labels(classes=2)])
    np.testing.assert_array_equal(batch.targets["a_at_hidden"], Y)
    with pytest.raises(InvalidInputError, match=r"'b_at_hidden' is missing; .* Pass the labels of output 'b'"):
        model.fit(X, {"a": Y}, verbose=0)


def _map_output() -> keras.Model:
    inputs = keras.Input((10,))
    hidden = layers.Dense(8, name="hidden")(inputs)
    return keras.Model(inputs, layers.Reshape((2, 2))(layers.Dense(4)(hidden)))


REFUSED = [
    (lambda: _base(3, None), ["hidden"], InvalidInputError, r"activation of the output \(linear\) does not show"),
    (lambda: _base(3, "softmax"), "hiden", UnknownNameError, "'hiden'.*Did you mean 'hidden'"),
    (lambda: _base(3, "softmax"), {"hidden": "clas"}, UnknownNameError, "`deep_supervision`: .*Did you mean 'class'"),
    (lambda: _base(1, "sigmoid"), {"hidden": "class"}, InvalidInputError, "an output of one unit cannot be a class"),
    (lambda: _base(3, "softmax"), ["hidden", Tap("hidden")], InvalidInputError, "two targets named 'main_at_hidden'"),
    (lambda: _base(3, "softmax"), [None], InvalidTypeError, "`deep_supervision` must be a layer, a list of layers"),
    (_map_output, "hidden", InvalidInputError, r"that of 'main' has shape \('n', 2, 2\)"),
]


@pytest.mark.parametrize(("build", "asked", "error", "message"), REFUSED)
def test_what_cannot_be_supervised_is_refused(build: Any, asked: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        attach_heads(build(), SPECS, samples=X, deep_supervision=asked)


def test_no_targets_and_no_deep_supervision_are_refused() -> None:
    with pytest.raises(InvalidTypeError, match=r"`targets` must be AuxTargets.*; got NoneType"):
        attach_heads(dense_base(), None, samples=X)
