"""The main output learns soft labels by its own loss, and labelled samples by their labels alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, X, assert_same, dense_base
from keras import layers

from auxtasks.errors import InvalidInputError
from auxtasks.keras import AuxModel, attach_heads, strip_heads
from auxtasks.keras.taught import loss_of_output
from auxtasks.specs import TargetSpec

N_LABELLED = 12
RNG = np.random.default_rng(5)
CLASSES = RNG.integers(0, 3, 48)
FLAGS = RNG.integers(0, 2, (48, 2)).astype("float32")
MISSING = np.arange(48)[:, None] < N_LABELLED


def _spec(kind: Any = "distribution", width: int = 3, output: str = "main", name: str = "soft_labels") -> TargetSpec:
    options = {"output": output, "error": 0.1, "guess": 0.6, "surprise": 0.4, "seed": 0}
    return TargetSpec(name, "soft_labels", kind, (width,), options=options)


def _soft(hard: np.ndarray) -> np.ndarray:
    return np.where(MISSING, np.nan, hard).astype("float32")


def _hidden(y: np.ndarray) -> np.ndarray:
    y = y.copy()
    y[N_LABELLED:] = -1 if y.dtype.kind == "i" else np.nan
    return y


ONE_HOT = np.eye(3)[CLASSES] * 0.6 + 0.1  # soft, and the most probable class is that of the label
BINARY = (CLASSES > 0).astype("int64")
CASES: dict[str, tuple[np.ndarray, Any, np.ndarray, int, str | None, Any]] = {
    # labels, kind of soft labels, soft labels, units, activation, loss
    "softmax": (CLASSES, "distribution", ONE_HOT, 3, "softmax", LOSS),
    "logits": (
        CLASSES,
        "distribution",
        ONE_HOT,
        3,
        None,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    ),
    "one-hot": (
        np.eye(3, dtype="float32")[CLASSES],
        "distribution",
        ONE_HOT,
        3,
        "softmax",
        "categorical_crossentropy",
    ),
    "more units": (CLASSES, "distribution", ONE_HOT, 5, "softmax", LOSS),
    "one sigmoid": (
        BINARY,
        "distribution",
        np.eye(2)[BINARY] * 0.4 + 0.3,
        1,
        "sigmoid",
        "binary_crossentropy",
    ),
    "flags": (FLAGS, "multilabel", FLAGS, 2, "sigmoid", "binary_crossentropy"),
    "numbers": (X[:, 0], "vector", X[:, :1], 1, None, "mse"),
    "several numbers": (X[:, :2], "vector", X[:, :2], 2, None, "mae"),
}


def _model(case: str, weight: float = 1.0, **arguments: Any) -> AuxModel:
    _, kind, soft, units, activation, loss = CASES[case]
    specs = {"soft_labels": _spec(kind, soft.shape[1])}
    model = attach_heads(dense_base(units, activation, 0.0), specs, weights=weight, samples=X, **arguments)
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


def _labels(case: str) -> dict[str, np.ndarray]:
    return {"main": _hidden(CASES[case][0]), "soft_labels": _soft(CASES[case][2])}


@pytest.mark.parametrize("case", CASES)
def test_the_loss_is_the_main_loss_on_what_the_teacher_says(case: str) -> None:
    y, model = CASES[case][0], _model(case)
    found = model.evaluate(X, _labels(case), batch_size=48, return_dict=True, verbose=0)
    rest = model.evaluate(X[N_LABELLED:], y[N_LABELLED:], batch_size=48, return_dict=True, verbose=0)
    own = model.evaluate(X[:N_LABELLED], y[:N_LABELLED], batch_size=48, return_dict=True, verbose=0)
    assert found["soft_labels_loss"] == pytest.approx(rest["loss"], rel=1e-4)
    assert found["main_loss"] == pytest.approx(own["loss"], rel=1e-4)
    assert found["loss"] == pytest.approx(rest["loss"] + own["loss"], rel=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_a_step_is_that_on_both_parts(case: str) -> None:
    y, taught, plain = CASES[case][0], _model(case), _model(case)
    taught.train_on_batch(X, _labels(case))
    weight = np.where(np.arange(48) < N_LABELLED, 48 / N_LABELLED, 48 / (48 - N_LABELLED)).astype("float32")
    base = strip_heads(plain)
    base.compile(keras.optimizers.SGD(0.1), CASES[case][5])
    base.train_on_batch(X, y, sample_weight=weight)
    for one, other in zip(strip_heads(taught).get_weights(), base.get_weights(), strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_too_few_units_are_refused() -> None:
    for units, width in ((2, 3), (1, 3)):
        with pytest.raises(
            InvalidInputError, match=f"soft labels of width {width}, but the output .* has {units} unit"
        ):
            attach_heads(dense_base(units, "sigmoid"), {"soft_labels": _spec(width=width)}, samples=X)
    with pytest.raises(
        InvalidInputError, match=r"learned by an output named 'other', but the outputs of the model are 'main'"
    ):
        attach_heads(dense_base(), {"soft_labels": _spec(output="other")}, samples=X)
    with pytest.raises(InvalidInputError, match="has soft labels of width 2, but the output"):
        loss_of_output(_spec("vector", 2), np.zeros((4, 2)), keras.ops.zeros((4, 3)), "mse")


def _functional(struct: str) -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((10,))
    hidden = layers.Dense(6, "relu")(inputs)
    kind = layers.Dense(3, "softmax", name="kind")(hidden)
    size = layers.Dense(1, name="size")(hidden)
    return keras.Model(inputs, {"one": kind, "list": [kind, size], "dict": {"size": size, "kind": kind}}[struct])


@pytest.mark.parametrize("loss", [LOSS, {"kind": LOSS}, [LOSS]])
def test_one_named_output(loss: Any) -> None:
    model = attach_heads(_functional("one"), {"soft_labels": _spec()}, weights=1.0, samples=X)
    model.compile("sgd", loss)
    assert np.isfinite(model.fit(X, _labels("softmax"), verbose=0).history["soft_labels_loss"]).all()


@pytest.mark.parametrize("struct", ["list", "dict"])
def test_outputs_with_soft_labels_of_their_own(struct: str) -> None:
    specs = {
        "soft_labels_kind": _spec(output="kind", name="soft_labels_kind"),
        "soft_labels_size": _spec("vector", 1, "size", "soft_labels_size"),
    }
    model = attach_heads(_functional(struct), specs, weights=1.0, samples=X)
    model.compile("sgd", {"kind": LOSS, "size": "mse"})
    y = {"kind": _hidden(CLASSES), "size": _hidden(X[:, 0])}
    soft = {"soft_labels_kind": _soft(ONE_HOT), "soft_labels_size": _soft(X[:, :1])}
    found = model.evaluate(X, {**y, **soft}, batch_size=48, return_dict=True, verbose=0)
    of = model.predict(X, verbose=0)
    size = of["size"] if struct == "dict" else of[1]
    assert found["soft_labels_size_loss"] == pytest.approx(np.mean((size[12:, 0] - X[12:, 0]) ** 2), rel=1e-4)
    assert np.isfinite(model.fit(X, {**y, **soft}, verbose=0).history["loss"]).all()


@pytest.mark.parametrize(
    "how",
    [
        {"schedule": "alternating"},
        *({"weighting": name} for name in ("uncertainty", "projection", "gradnorm")),
        {"weighting": {"warm_up": {"steps": 2}}},
    ],
    ids=str,
)
def test_schedules_and_weightings(how: dict[str, Any]) -> None:
    model = _model("softmax", **how)
    before = model.base.get_weights()
    logs = model.fit(X, _labels("softmax"), batch_size=24, verbose=0).history
    assert np.isfinite(logs["soft_labels_loss"]).all()
    assert all(np.isfinite(weight).all() for weight in model.base.get_weights())
    assert not np.array_equal(before[0], model.base.get_weights()[0])


def test_no_head_is_made_and_none_predicts() -> None:
    base = dense_base()
    n_weights = base.count_params()
    model = attach_heads(base, {"soft_labels": _spec()}, weights=1.0, samples=X)
    assert model.heads == []
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_variables) == n_weights
    assert model.predict_auxiliary(X, verbose=0) == {}
    assert strip_heads(model) is base


def test_mixed_precision() -> None:
    base = dense_base()
    base = keras.Sequential.from_config({**base.get_config()})
    for layer in base.layers:
        layer.dtype_policy = "mixed_float16"
    model = attach_heads(base, {"soft_labels": _spec()}, weights=1.0, samples=X)
    model.compile("sgd", LOSS)
    assert np.isfinite(model.fit(X, _labels("softmax"), verbose=0).history["soft_labels_loss"]).all()


def test_saved_in_the_middle_of_training(tmp_path: Path) -> None:
    model = _model("softmax", weight=0.5)
    model.fit(X, _labels("softmax"), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss_weights == {"soft_labels": 0.5}
    for each in (model, loaded):
        each.fit(X, _labels("softmax"), verbose=0)
    assert_same(model, loaded)


@pytest.mark.graph
def test_in_a_graph_from_a_data_set() -> None:
    import tensorflow as tf

    model = _model("softmax")
    data = tf.data.Dataset.from_tensor_slices((X, _labels("softmax"))).batch(16)
    assert np.isfinite(model.fit(data, verbose=0).history["soft_labels_loss"]).all()
