"""Models with several tasks on one encoder."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, SPECS
from keras import layers

import auxtasks
from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import OutputSpec, attach_heads, build_multitask_model, strip_heads
from auxtasks.specs import TargetSpec

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 8, 8, 1)).astype("float32")
TASKS = {
    "digit": 10,
    "angle": "regression",
    "odd": "binary",
    "tags": OutputSpec(3, "multilabel", hidden=(8, 4), at=0.0, weight=0.5),
    "numbers": SPECS["numbers"],
}
Y = {
    "digit": RNG.integers(0, 10, 32),
    "angle": RNG.normal(size=32),
    "odd": RNG.integers(0, 2, 32),
    "tags": RNG.integers(0, 2, (32, 3)),
    "numbers": RNG.normal(size=(32, 4)),
}


def _encoder() -> keras.Model:
    keras.utils.set_random_seed(0)
    conv, flatten = layers.Conv2D(4, 3, activation="relu", name="conv"), layers.Flatten(name="flat")
    return keras.Sequential([keras.Input((8, 8, 1)), conv, layers.Conv2D(6, 3, name="deep"), flatten])


def test_every_kind_of_task_has_its_head_loss_and_metric() -> None:
    encoder = _encoder()
    model = build_multitask_model(encoder, TASKS, hidden=16, at={"angle": "conv"})
    assert {name: output.shape[1] for name, output in model.output.items()} == {
        "digit": 10, "angle": 1, "odd": 1, "tags": 3, "numbers": 4
    }  # fmt: skip
    assert model.get_layer("deep") is encoder.get_layer("deep")
    before = encoder.get_weights()
    logs = model.fit(X, Y, 32, verbose=0).history
    assert {"digit_accuracy", "angle_mae", "odd_binary_accuracy", "tags_loss", "numbers_mae"} <= set(logs)
    assert any((one != other).any() for one, other in zip(before, encoder.get_weights(), strict=True))
    widths = {layer.name: layer.kernel.shape for layer in model.layers if isinstance(layer, layers.Dense)}
    assert widths["angle_hidden_1"] == (4, 16)  # averaged over the map of "conv"
    assert widths["digit_hidden_1"] == (96, 16)
    assert [widths[f"tags_hidden_{number}"] for number in (1, 2)] == [(4, 8), (8, 4)]
    parts = [logs[f"{task}_loss"][0] * (0.5 if task == "tags" else 1.0) for task in TASKS]
    assert logs["loss"][0] == pytest.approx(sum(parts), rel=1e-4)


def test_it_is_a_base_like_any_other(tmp_path: Any) -> None:
    model = build_multitask_model(_encoder(), {"digit": 10, "angle": "regression"}, optimizer=None)
    targets = auxtasks.make_aux_targets(X, domain="image", tasks=["hog"])
    wrapped = attach_heads(model, targets)
    wrapped.compile("adam", {"digit": LOSS, "angle": "mse"})
    few = {"digit": Y["digit"][:20], "angle": np.where(np.arange(32) % 2, np.nan, Y["angle"])}
    assert np.isfinite(wrapped.fit(X, targets.with_main(few), verbose=0).history["loss"]).all()
    strip_heads(wrapped).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    found, expected = (each.predict(X, verbose=0) for each in (loaded, model))
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)


def test_losses_and_metrics_can_be_chosen() -> None:
    spec = OutputSpec(1, "vector", loss=keras.losses.Huber(), metrics="mse")
    model = build_multitask_model(_encoder(), {"angle": spec}, optimizer=keras.optimizers.SGD(0.0))
    logs = model.evaluate(X, {"angle": Y["angle"]}, return_dict=True, verbose=0)
    predicted = model.predict(X, verbose=0)["angle"][:, 0]
    assert logs["mse"] == pytest.approx(np.mean((predicted - Y["angle"]) ** 2), rel=1e-4)


def test_a_nested_model_is_read_where_the_encoder_calls_it() -> None:
    inner = keras.Sequential([keras.Input((5,)), layers.Dense(6)], name="inner")
    inputs = keras.Input((5,))
    encoder = keras.Model(inputs, layers.Dense(7)(inner(inputs)))
    model = build_multitask_model(encoder, {"digit": 3}, at="inner", optimizer=None)
    assert model.get_layer("digit").kernel.shape == (6, 3)
    twice = keras.Model(inputs, inner(layers.Dense(5)(inner(inputs))[:, :5]))
    with pytest.raises(InvalidInputError, match="layer 'inner' is called more than once"):
        build_multitask_model(twice, {"digit": 3}, at="inner")


def test_one_task_is_known_by_its_own_name_or_as_main() -> None:
    model = attach_heads(
        build_multitask_model(_encoder(), {"digit": 10}), None, samples=X, deep_supervision="conv", weights="auto"
    )
    model.compile("sgd", {"digit": LOSS})
    assert model.loss_weights == {"digit_at_conv": 0.3}
    model.set_loss_weights("auto")
    for name in ("digit", "main"):
        model.fit(X, {name: Y["digit"]}, 32, class_weight={name: "balanced"}, verbose=0)
        model.fit(X, {name: Y["digit"]}, 32, class_weight={0: 2.0}, verbose=0)
    assert model.loss_weights == {"digit_at_conv": 0.3}


def _unbuilt() -> keras.Model:
    return keras.Sequential([layers.Dense(3)])


REFUSED: list[Any] = [
    (_encoder, {"digit": 1}, {}, InvalidInputError, r"`tasks\['digit'\]` must be at least 2"),
    (_encoder, {"digit": "regresion"}, {}, UnknownNameError, "Did you mean 'regression'"),
    (_encoder, {"digit": True}, {}, InvalidTypeError, "'digit' must be a number of classes, 'regression'"),
    (_encoder, {"conv": 3}, {}, InvalidInputError, "'conv' must be a name that no layer of the encoder has"),
    (_encoder, {}, {}, InvalidInputError, "`tasks` holds no task"),
    (_encoder, {"digit": 3}, {"at": "cnv"}, UnknownNameError, "`at`: .*'cnv'. Did you mean 'conv'"),
    (_encoder, {"digit": 3}, {"at": {"dgit": 0}}, UnknownNameError, "`at`: there is no task named 'dgit'"),
    (_encoder, {"digit": 3}, {"at": 1.5}, InvalidInputError, "`at` must be from 0.0 to 1.0"),
    (_encoder, {"digit": 3}, {"hidden": 0}, InvalidInputError, "`hidden` must be at least 1"),
    (_encoder, {"digit": 3}, {"hidden": 8.0}, InvalidTypeError, "`hidden` must be an integer"),
    (_unbuilt, {"digit": 3}, {}, InvalidInputError, "`encoder` must be .* that is built and has one output"),
    (object, {"digit": 3}, {}, InvalidTypeError, "`encoder` must be a keras.Model"),
    (_encoder, {"map": TargetSpec("map", "t", "image", (2, 2, 1))}, {}, InvalidInputError, "'map' is of kind 'image'"),
]


@pytest.mark.parametrize(("encoder", "tasks", "options", "error", "message"), REFUSED)
def test_what_cannot_be_built_is_refused(encoder: Any, tasks: Any, options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        build_multitask_model(encoder(), tasks, **options)
