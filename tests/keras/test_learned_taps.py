"""A tap is a tensor that training changes, with a row for each sample, and where the target needs a place, with one."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.keras import AuxModel, Tap, attach_heads
from auxtasks.keras.heads import Pooling
from auxtasks.specs import TargetSpec

VECTOR = TargetSpec("task", "test", "vector", (2,))
GRID = TargetSpec("task", "test", "vector", (50,), spatial="grid")
IMAGE = TargetSpec("task", "test", "image", (4, 4, 1))
IMAGES = np.random.default_rng(0).random((4, 8, 8, 1), dtype="float32")


def _attached(base: keras.Model, spec: TargetSpec = VECTOR, **more: Any) -> AuxModel:
    return attach_heads(base, {"task": spec}, **{"samples": IMAGES, "weights": 1.0, **more})


def _augmented(*stack: layers.Layer) -> keras.Model:
    """A model of vectors behind random changes and a normalisation in a model of their own."""
    changes = [layers.Normalization(mean=0.5, variance=0.1, name="scale"), layers.RandomFlip(name="flip")]
    augment = keras.Sequential([keras.Input((8, 8, 1)), *changes], name="augment")
    return keras.Sequential([augment, layers.Flatten(), *stack, layers.Dense(3)])


@pytest.mark.parametrize("spec", [VECTOR, GRID, IMAGE], ids=["vector", "grid", "image"])
def test_auto_leaves_out_what_no_weight_lies_below(spec: TargetSpec) -> None:
    base = _augmented(layers.Dense(4, name="hidden"))
    assert _attached(base, spec).taps == {"task": "hidden"}


def test_a_tap_below_all_weights_is_refused_by_name_and_by_depth() -> None:
    base = _augmented(layers.Dense(4, name="hidden"))
    for at in ("flip", "augment/scale", 0.0):
        with pytest.raises(InvalidInputError, match=r"no weights at or below layer 'augment/\w+'.*one of \['hidden'\]"):
            _attached(base, at=at)


def test_statistics_are_no_weights_to_share() -> None:
    base = keras.Sequential([keras.Input((8, 8, 1)), layers.Normalization(), layers.Flatten(), layers.Dense(3)])
    with pytest.raises(InvalidInputError, match="below its last layer the model has no layer with weights"):
        _attached(base)


def _after_frozen() -> keras.Model:
    first, second = layers.Conv2D(2, 3, name="frozen", trainable=False), layers.Conv2D(2, 3, name="learned")
    stack = [keras.Input((8, 8, 1)), first, second, layers.GlobalAveragePooling2D(), layers.Dense(3)]
    return keras.Sequential(stack)


def test_a_frozen_tap_brings_a_warning_where_it_is_named_and_auto_takes_a_learned_one() -> None:
    base = _after_frozen()
    assert _attached(base, GRID).taps == {"task": "learned"}
    with pytest.warns(AuxTasksWarning, match=r"below 'frozen' are frozen, .* there \(task\) .* one of \['learned', "):
        assert _attached(base, GRID, at="frozen").taps == {"task": "frozen"}
    base.get_layer("frozen").trainable = True
    assert _attached(base, at="frozen").taps == {"task": "frozen"}


def test_what_no_gradient_goes_through_is_not_learned() -> None:
    cut = layers.Lambda(keras.ops.stop_gradient, name="cut")
    base = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3), cut, layers.Flatten(), layers.Dense(3)])
    with pytest.raises(InvalidInputError, match="no weights at or below layer 'cut'"):
        _attached(base, at="cut")
    assert _attached(base).taps["task"].startswith("conv2d")


@keras.saving.register_keras_serializable("auxtasks_tests")
class Encoder(layers.Layer):
    """A composite layer whose parts have names that Keras counts up."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = layers.Dense(4)

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)


class Attributes(keras.Model):
    """A model whose layers are known by its attributes alone."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.blocks = [layers.Dense(4), layers.Dense(4)]
        self.place = layers.Embedding(64, 4)
        self.top = layers.Dense(3)

    def call(self, inputs: Any) -> Any:
        hidden = self.encoder(keras.ops.reshape(inputs, (-1, 64, 1))) + self.place(keras.ops.arange(64))[None]
        for block in self.blocks:
            hidden = block(hidden)
        return self.top(hidden[:, 0])


@pytest.mark.parametrize(
    ("at", "layer"),
    [
        ("encoder.inner", lambda base: base.encoder.inner),
        ("encoder/inner", lambda base: base.encoder.inner),
        ("blocks/1", lambda base: base.blocks[1]),
        (Tap("blocks.0", call=0), lambda base: base.blocks[0]),
    ],
)
def test_a_layer_is_named_by_its_attribute(at: Any, layer: Any) -> None:
    base = Attributes()
    assert _attached(base, at=at).tapped_layers == [layer(base)]


def test_a_layer_itself_says_where_to_read() -> None:
    base = Attributes()
    for at in (base.encoder.inner, Tap(base.encoder.inner), {"task": base.encoder.inner}):
        assert _attached(base, at=at).tapped_layers == [base.encoder.inner]
    with pytest.raises(InvalidInputError, match=r"layer 'other' is not in the model .*, such as 'encoder"):
        _attached(base, at=layers.Dense(4, name="other"))


def test_an_early_head_is_named_after_its_layer() -> None:
    base = _after_frozen()
    layer = base.get_layer("learned")
    assert attach_heads(base, None, samples=IMAGES, deep_supervision={layer: "class"}).taps == {
        "main_at_learned": "learned"
    }


def test_rows_that_are_no_samples_are_refused() -> None:
    base = Attributes()
    with pytest.raises(InvalidInputError, match=r"returned 64 rows for 2 samples .*\(shape \(64, 4\)\)"):
        _attached(base, at="place")


@pytest.mark.parametrize("spec", [GRID, IMAGE], ids=["grid", "image"])
@pytest.mark.parametrize("with_class", [False, True])
def test_tokens_of_patches_are_read_as_the_map_that_they_are(spec: TargetSpec, with_class: bool) -> None:
    images = keras.Input((8, 8, 1))
    patches = layers.Conv2D(3, 2, strides=2, name="patches")(images)
    tokens = layers.Reshape((16, 3))(patches)
    if with_class:
        tokens = layers.Concatenate(axis=1)([layers.Reshape((1, 3))(layers.GlobalAveragePooling2D()(patches)), tokens])
    tokens = layers.Identity(name="tokens")(tokens)
    base = keras.Model(images, layers.Dense(3)(layers.GlobalAveragePooling1D()(tokens)))
    assert _attached(base, spec).taps == {"task": "tokens"}
    of_tokens, of_map = (_attached(base, spec, at=at, seed=1) for at in ("tokens", "patches"))
    np.testing.assert_allclose(of_tokens.predict_auxiliary(IMAGES)["task"], of_map.predict_auxiliary(IMAGES)["task"])


def test_a_sequence_with_another_number_of_tokens_is_no_grid() -> None:
    images = keras.Input((8, 8, 1))
    rows = layers.GRU(3, return_sequences=True, name="rows")(layers.Reshape((8, 8))(images))
    base = keras.Model(images, layers.Dense(3)(layers.LSTM(4, name="code")(rows)))
    assert _attached(base, GRID).taps == {"task": "code"}


def test_a_weight_for_each_place_is_no_feature() -> None:
    images = keras.Input((8, 8, 1))
    features = layers.Conv2D(3, 3, name="features")(images)
    weighed = layers.Multiply()([features, layers.Conv2D(1, 1, activation="sigmoid", name="weights")(features)])
    pooled = layers.GlobalAveragePooling2D()(weighed)
    base = keras.Model(images, layers.Dense(3)(pooled))
    assert _attached(base, GRID).taps["task"].startswith("multiply")
    base = keras.Model(images, layers.Dense(3)(layers.Flatten()(base.get_layer("weights").output)))
    assert _attached(base, GRID).taps == {"task": "features"}


def test_a_sequence_of_patches_loses_the_token_before_them() -> None:
    grid = np.arange(2 * 3 * 4 * 5, dtype="float32").reshape(2, 3, 4, 5)
    tokens = np.concatenate([np.full((2, 1, 5), 99.0, "float32"), grid.reshape(2, 12, 5)], axis=1)
    pooling = Pooling((3, 4, 5), "grid")
    np.testing.assert_array_equal(pooling(tokens), pooling(grid))
