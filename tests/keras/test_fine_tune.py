"""Phases of training, and a new head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, X, aux_targets, dataset, dense_base, dense_model, labels
from keras import layers

from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import fine_tune, replace_head, strip_heads
from auxtasks.keras.finetune import check_labels

Y = labels()
FAST = {"verbose": 0, "batch_size": 48}


class Monitor(keras.callbacks.Callback):
    """Notes what changed in each phase, and how it was trained."""

    def __init__(self) -> None:
        super().__init__()
        self.moved: list[dict[str, bool]] = []
        self.rates: list[float] = []
        self.optimizers: list[Any] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.before = {layer.name: layer.get_weights() for layer in self.model.layers if layer.weights}
        self.rates.append(round(float(self.model.optimizer.learning_rate), 8))
        self.optimizers.append(self.model.optimizer)

    def on_train_end(self, logs: Any = None) -> None:
        after = {layer.name: layer.get_weights() for layer in self.model.layers if layer.weights}
        moved = {name: not all(map(np.array_equal, weights, self.before[name])) for name, weights in after.items()}
        self.moved.append(moved)


def compiled(model: keras.Model, loss: Any = LOSS) -> keras.Model:
    model.compile("sgd", loss)
    return model


def deep() -> keras.Model:
    names = [keras.Input((10,)), *(layers.Dense(6, name=name) for name in ("one", "two", "three"))]
    model = keras.Sequential([*names, layers.Dense(3, "softmax", name="top")])
    model.compile("sgd", LOSS, metrics=["accuracy"])
    return model


def test_the_head_is_trained_first_and_everything_after() -> None:
    model, watch = deep(), Monitor()
    histories = fine_tune(model, X, Y, epochs=(2, 1), callbacks=[watch], validation_data=(X, Y), **FAST)
    assert watch.moved == [
        {"one": False, "two": False, "three": False, "top": True},
        {"one": True, "two": True, "three": True, "top": True},
    ]
    assert watch.rates == [1e-3, 1e-5]
    assert [len(each.history["val_accuracy"]) for each in histories] == [2, 1]
    assert watch.optimizers[0] is not watch.optimizers[1]
    assert all(layer.trainable for layer in model.layers)


def test_step_by_step_with_an_optimizer_of_ones_own() -> None:
    model, watch = deep(), Monitor()
    used = keras.optimizers.SGD(5.0, momentum=0.5)
    used.exclude_from_weight_decay(var_names=["bias"])
    used.build(deep().trainable_weights)
    options = {"freeze_to": ["auto", "one", "one", None], "epochs": 1, "learning_rate": [0.1, 0.02, 0.0, 0.01]}
    fine_tune(model, X, Y, optimizer=used, callbacks=[watch], **options, **FAST)
    assert [sum(moved.values()) for moved in watch.moved] == [1, 3, 0, 4]
    assert watch.rates == [0.1, 0.02, 0.0, 0.01]
    assert {each.momentum for each in watch.optimizers} == {0.5}
    # What an optimizer's configuration lacks.
    assert not any(each._use_weight_decay(model.get_layer("one").bias) for each in watch.optimizers)


def test_it_is_what_keras_does_by_hand() -> None:
    keras.utils.set_random_seed(0)
    ours = deep()
    theirs = deep()
    theirs.set_weights(ours.get_weights())
    fine_tune(ours, X, Y, freeze_to="two", epochs=1, learning_rate=(0.1, 0.01), **FAST)
    for flag, rate in ((False, 0.1), (True, 0.01)):
        theirs.get_layer("one").trainable = theirs.get_layer("two").trainable = flag
        theirs.compile(keras.optimizers.Adam(rate), LOSS)
        theirs.fit(X, Y, **FAST)
    # The only batch is shuffled, and sums differ by rounding.
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("form", ["wrapper", "loaded", "stripped"])
def test_it_goes_on_from_a_model_with_auxiliary_heads(form: str, tmp_path: Path) -> None:
    model: Any = dense_model(metrics=["accuracy"])
    if form == "loaded":
        model.save(tmp_path / "model.keras")
        model = keras.models.load_model(tmp_path / "model.keras")
    base = model.base
    heads = [weight.numpy() for head in model.heads for weight in head.weights]
    before = base.get_layer("hidden").get_weights()
    tuned = strip_heads(model) if form == "stripped" else model
    if form == "stripped":
        compiled(base)
    (only,) = fine_tune(tuned, X, Y, freeze_to=["hidden"], epochs=1, learning_rate=0.1, **FAST)
    np.testing.assert_array_equal(base.get_layer("hidden").get_weights()[0], before[0])
    for now, then in zip([weight.numpy() for head in model.heads for weight in head.weights], heads, strict=True):
        np.testing.assert_array_equal(now, then)
    assert ("accuracy" in only.history, base.compiled) == (True, True)


@pytest.mark.graph
def test_a_data_set_can_be_trained_on() -> None:
    model = deep()
    before = model.get_layer("top").get_weights()[0]
    fine_tune(model, dataset(X, Y), freeze_to=["auto"], epochs=1, learning_rate=0.1, optimizer="sgd", verbose=0)
    assert not np.array_equal(model.get_layer("top").get_weights()[0], before)


def test_flags_come_back_after_an_interruption() -> None:
    model = deep()
    model.get_layer("two").trainable = False

    def stop(epoch: int, logs: Any) -> None:
        assert not model.get_layer("one").trainable
        raise KeyboardInterrupt("stop")

    with pytest.raises(KeyboardInterrupt, match="stop"):
        fine_tune(model, X, Y, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=stop)])
    assert [layer.trainable for layer in model.layers] == [True, False, True, True]


def test_another_number_of_classes_on_the_same_trunk() -> None:
    model = dense_model()
    other = replace_head(model, 5)
    assert (other.output_shape, other.layers[-1].name, other.layers[-1].activation) == (
        (None, 5),
        "top",
        keras.activations.softmax,
    )
    assert other.get_layer("hidden") is model.base.get_layer("hidden")
    old = model.base.get_layer("top").get_weights()
    fine_tune(compiled(other), X, labels(classes=5), optimizer="sgd", epochs=1, **FAST)
    np.testing.assert_array_equal(model.base.get_layer("top").get_weights()[0], old[0])
    assert other(X).shape == (48, 5)
    assert model(X).shape == (48, 3)


def test_what_follows_the_head_is_kept(tmp_path: Path) -> None:
    inputs = keras.Input((8, 8, 1))
    backbone = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3)], name="backbone")
    maps = layers.Conv2D(3, 1, name="maps", kernel_regularizer="l2")(backbone(inputs))
    model = keras.Model(inputs, layers.Softmax()(layers.GlobalAveragePooling2D()(maps)))
    model.compile("adam", LOSS)
    other = replace_head(model, 2)
    image = np.ones((1, 8, 8, 1))
    assert float(keras.ops.sum(other(image))) == pytest.approx(1.0)
    assert other.get_layer("maps").kernel_regularizer is not None
    other.save(tmp_path / "other.keras")
    loaded = keras.models.load_model(tmp_path / "other.keras")
    np.testing.assert_allclose(loaded(image), other(image), rtol=1e-6)


def test_one_unit_becomes_several_and_heads_differ_by_the_seed() -> None:
    model = keras.Sequential([keras.Input((10,)), layers.Dense(4), layers.Dense(1, "sigmoid")])
    heads = [replace_head(model, 4, activation="softmax").layers[-1] for _ in range(2)]
    assert heads[0].activation is keras.activations.softmax
    assert not np.array_equal(heads[0].get_weights()[0], heads[1].get_weights()[0])


def two_outputs() -> keras.Model:
    inputs = keras.Input((10,))
    hidden = layers.Dense(4, name="hidden")(inputs)
    return keras.Model(inputs, {"a": layers.Dense(2, name="a")(hidden), "b": layers.Dense(1, name="b")(hidden)})


def test_one_of_several_heads_is_named() -> None:
    model = replace_head(two_outputs(), 7, head="a")
    assert {name: tensor.shape for name, tensor in model.output.items()} == {"a": (None, 7), "b": (None, 1)}
    compiled(model, {"a": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "b": "mse"})
    y = {"a": labels(classes=7), "b": X[:, 0]}
    (history,) = fine_tune(model, X, y, freeze_to=["hidden"], epochs=1, learning_rate=0.1, **FAST)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: replace_head(keras.Sequential([layers.Dense(2)]), 3), InvalidInputError, "was never built"),
        (lambda: replace_head(two_outputs(), 3), InvalidInputError, "`head`: the model has 2 outputs; name"),
        (lambda: replace_head(deep(), 3, head="topp"), UnknownNameError, "named 'topp'. Did you mean 'top'"),
        (lambda: replace_head(deep(), 1), InvalidInputError, "softmax of one unit is always 1; pass 'sigmoid'"),
        (lambda: replace_head(deep(), 0), InvalidInputError, "`n_outputs` must be at least 1"),
        (
            lambda: replace_head(keras.Sequential([keras.Input((10,)), dense_base()]), 3),
            InvalidInputError,
            "inside the nested model",
        ),
        (
            lambda: replace_head(keras.Sequential([keras.Input((4,)), layers.Embedding(5, 2)]), 3),
            InvalidInputError,
            "is a Embedding, and only the units",
        ),
        (
            lambda: replace_head(keras.Sequential([keras.Input((4,)), layers.ReLU()]), 3),
            InvalidInputError,
            "no layer with weights",
        ),
        (
            lambda: replace_head(type("Own", (keras.Model,), {})(), 3),
            InvalidInputError,
            "functional or Sequential.*Own",
        ),
    ],
)
def test_heads_that_cannot_be_replaced_are_refused(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"freeze_to": ["auto", "twoo"]}, UnknownNameError, "named 'twoo'"),
        ({"freeze_to": []}, InvalidInputError, "`freeze_to` holds no phase"),
        ({"freeze_to": 1.0}, InvalidInputError, "1.0 freezes all weights"),
        (
            {"epochs": (1, 2, 3)},
            InvalidInputError,
            "`epochs` must be one number, or have one entry for each of the 2 phases; got 3",
        ),
        ({"epochs": 0}, InvalidInputError, "`epochs` must be at least 1"),
        ({"learning_rate": "low"}, InvalidTypeError, "`learning_rate` must be a number, or one for each phase"),
        ({"learning_rate": (0.1, -1)}, InvalidInputError, "`learning_rate` must be at least 0"),
        ({"optimizer": keras.optimizers.SGD}, InvalidTypeError, "`optimizer` must be a name or a keras"),
        (
            {"y": np.where(Y == 0, -1, Y)},
            InvalidInputError,
            r"`y`: \d+ of 48 labels are missing .*keep = y != -1; x\[keep",
        ),
        ({"x": X[:0], "y": Y[:0]}, InvalidInputError, r"`y` holds no label; found shape \(0,\)"),
        ({"y": np.where(Y == 0, np.nan, Y)}, InvalidInputError, r"of 48 labels are missing .*keep = ~np.isnan\(y\);"),
        ({"y": np.full((48, 2), np.nan), "loss": "mse"}, InvalidInputError, r"keep = \(~np.isnan\(y\)\).all\(axis=1\)"),
        ({"y": np.where(Y == 0, -1, 1), "loss": "binary_crossentropy"}, InvalidInputError, "of 48 labels are missing"),
        (
            {"y": {"main": Y, **aux_targets()}},
            InvalidTypeError,
            r"without auxiliary targets; got a mapping of \['main'",
        ),
    ],
)
def test_arguments_that_cannot_be_are_refused_before_training(arguments: Any, error: Any, message: str) -> None:
    model = deep()
    before = model.get_weights()
    with pytest.raises(error, match=message):
        fine_tune(model, **{"x": X, "y": Y, "verbose": 0, **arguments})
    assert all(map(np.array_equal, model.get_weights(), before))
    assert all(layer.trainable for layer in model.layers)


def test_a_loss_is_needed() -> None:
    with pytest.raises(InvalidInputError, match="`loss`: the model is not compiled"):
        fine_tune(dense_base(), X, Y)


@pytest.mark.parametrize("loss", ["mse", keras.losses.Hinge()])
def test_minus_one_is_a_number_to_some_losses(loss: Any) -> None:
    assert (Y - 1 == -1).any()
    check_labels(Y - 1, deep(), loss)
