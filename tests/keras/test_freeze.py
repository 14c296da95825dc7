"""Freezing up to a depth, and back."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from helpers import SPECS, X, dense_model
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import Frozen, freeze


class Block(layers.Layer):
    """Two layers that make one."""

    def __init__(self) -> None:
        super().__init__(name="block")
        self.inner, self.outer = layers.Dense(6, name="inner"), layers.Dense(6, name="outer")

    def call(self, x: Any) -> Any:
        return self.outer(self.inner(x))


class Own(keras.Model):
    """A model whose layers only a run shows in order."""

    def __init__(self) -> None:
        super().__init__()
        self.top, self.low = layers.Dense(2, name="top"), layers.Dense(4, name="low")
        self.backbone = keras.Sequential(
            [layers.Dense(5, name="deep"), layers.Dense(5, name="deeper")], name="backbone"
        )

    def call(self, x: Any) -> Any:
        return self.top(self.backbone(self.low(x)))


def nested() -> keras.Model:
    inside = [layers.Dense(8, name="one"), layers.BatchNormalization(name="norm"), layers.Dense(8, name="two")]
    backbone = keras.Sequential([keras.Input((10,)), *inside], name="backbone")
    inputs = keras.Input((10,))
    x = layers.Dense(4, name="hidden")(Block()(backbone(inputs)))
    return keras.Model(inputs, layers.Dense(3, name="top")(layers.Dropout(0.5, name="drop")(x)))


def trainable(model: keras.Model) -> list[str]:
    """The layers whose kernels are trained."""
    return [weight.path.rsplit("/", 2)[-2] for weight in model.trainable_weights if weight.name == "kernel"]


def flags(model: keras.Model) -> list[bool]:
    return [owner.trainable for owner in (*model._flatten_layers(), *model.weights)]


@pytest.mark.parametrize(
    ("up_to", "left"),
    [
        ("one", ["two", "inner", "outer", "hidden", "top"]),
        ("backbone/norm", ["two", "inner", "outer", "hidden", "top"]),
        ("backbone", ["inner", "outer", "hidden", "top"]),
        ("block/inner", ["outer", "hidden", "top"]),
        ("block", ["hidden", "top"]),
        (1, ["inner", "outer", "hidden", "top"]),
        (-1 - 2, ["top"]),
        (0.0, ["two", "inner", "outer", "hidden", "top"]),
        (0.5, ["hidden", "top"]),
        (0.8, ["top"]),
        ("auto", ["top"]),
    ],
)
def test_what_lies_up_to_a_depth_is_frozen_and_nothing_else(up_to: Any, left: list[str]) -> None:
    model = nested()
    before = flags(model)
    with freeze(model, up_to):
        assert trainable(model) == left
    assert flags(model) == before


@settings(max_examples=30)
@given(st.data())
def test_every_flag_comes_back(data: Any) -> None:
    for owner in (*MODEL._flatten_layers(), *MODEL.weights):
        owner.trainable = True
    for owner in data.draw(st.lists(st.sampled_from([*MODEL._flatten_layers(), *MODEL.weights]), max_size=6)):
        owner.trainable = not owner.trainable
    before = flags(MODEL)
    for layer in data.draw(st.lists(st.sampled_from(MODEL.layers[1:]), max_size=2)):
        with Frozen(MODEL, [layer]):
            assert not layer.trainable_weights
    assert flags(MODEL) == before


MODEL = nested()


def test_flags_come_back_after_an_error_and_once() -> None:
    model = nested()
    held = freeze(model, "one")
    with pytest.raises(KeyboardInterrupt, match="stop"), held:
        raise KeyboardInterrupt("stop")
    model.get_layer("top").trainable = False
    held.unfreeze()
    assert trainable(model) == ["one", "two", "inner", "outer", "hidden"]


def test_a_subclassed_model_is_run_to_see_its_order() -> None:
    model = Own()
    with pytest.raises(
        InvalidInputError, match=r"`samples`: Own does not declare .*'top', 'low', 'backbone'.*pass a few"
    ):
        freeze(model)
    with freeze(model, "deep", samples=X):
        assert sorted(trainable(model)) == ["deeper", "top"]
    with freeze(model, samples=X):
        assert trainable(model) == ["top"]


def test_heads_of_a_wrapper_stay_trainable() -> None:
    model = dense_model()
    with freeze(model, "hidden"):
        assert {weight.path for weight in model.trainable_weights} > {w.path for w in model.base.trainable_weights}
        assert trainable(model.base) == ["top"]
    assert SPECS.keys() == model.specs.keys()


def test_a_shared_layer_counts_from_its_first_call_and_ends_at_its_last() -> None:
    one, other = keras.Input((10,), name="a"), keras.Input((10,), name="b")
    shared, own = layers.Dense(4, name="shared"), layers.Dense(10, name="own")
    joined = layers.Concatenate()([shared(one), shared(own(other))])
    model = keras.Model([one, other], layers.Dense(2, name="top")(joined))
    with freeze(model, "shared"):
        assert trainable(model) == ["top"]


@pytest.mark.parametrize(
    ("up_to", "error", "message"),
    [
        ("hiden", UnknownNameError, "`up_to`: there is no layer named 'hiden'. Did you mean 'hidden'"),
        (7, InvalidInputError, "`up_to`: the model has 6 layers; got index 7"),
        (1.5, InvalidInputError, "from 0.0 to 1.0; got 1.5"),
        (True, InvalidTypeError, "got True of type bool"),
        (None, InvalidTypeError, "got None of type NoneType"),
        (1.0, InvalidInputError, "1.0 freezes all weights"),
        ("top", InvalidInputError, "'top' freezes all weights"),
    ],
)
def test_depths_that_cannot_be_are_refused(up_to: Any, error: Any, message: str) -> None:
    model = nested()
    before = flags(model)
    with pytest.raises(error, match=message):
        freeze(model, up_to)
    assert flags(model) == before


def test_models_that_cannot_be_frozen_are_refused() -> None:
    with pytest.raises(InvalidTypeError, match=r"`model` must be a keras.Model; got 'model' of type str"):
        freeze("model")
    flat = keras.Sequential([keras.Input((2, 5)), layers.Flatten(name="flat"), layers.Dense(2)])
    with pytest.raises(InvalidInputError, match="'flat' holds no weight that could be trained"):
        freeze(flat, "flat")
    with pytest.raises(InvalidInputError, match="`up_to`: below its last layer with weights the model has none"):
        freeze(flat)
    unused = Own()
    unused.spare = layers.Dense(2, name="spare")
    unused.spare.build((None, 3))
    with pytest.raises(InvalidInputError, match="'spare' is not called when the model runs"):
        freeze(unused, "spare", samples=X)


def test_a_frozen_normalisation_keeps_its_statistics() -> None:
    model = nested()
    model.compile("sgd", "sparse_categorical_crossentropy")
    moving = model.get_layer("backbone").get_layer("norm").moving_mean
    before = np.array(moving)
    with freeze(model, "norm"):
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(X, np.arange(48) % 3, batch_size=48, verbose=0)
        np.testing.assert_array_equal(moving, before)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, np.arange(48) % 3, batch_size=48, verbose=0)
    assert not np.array_equal(moving, before)


def test_inputs_of_another_shape_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"`samples`: a sample has shape \(1,\), but the model reads"):
        freeze(dense_model(), up_to=0.5, samples=X[:2, :1])
