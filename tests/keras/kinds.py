"""One small model of every kind that heads can be attached to, with data it reads and a layer to tap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

N = 48
CLASSES = 3


@dataclass(frozen=True)
class ModelKind:
    """How to build a model, the shape or vocabulary of its inputs, and where to tap it."""

    name: str
    build: Callable[[], keras.Model]
    shape: tuple[int, ...]
    tap: Any
    vocabulary: int = 0
    inputs: int = 1
    jit: bool = True

    def data(self, n: int = N) -> Any:
        """Make inputs, the same at every call."""
        rng = np.random.default_rng(0)
        parts = [self._array(rng, n) for _ in range(self.inputs)]
        return parts[0] if self.inputs == 1 else parts

    def _array(self, rng: np.random.Generator, n: int) -> np.ndarray:
        if self.vocabulary:
            tokens = rng.integers(1, self.vocabulary, (n, *self.shape))
            tokens[:, -2:] = 0  # padding, so that there is something to mask
            return tokens
        values = rng.normal(size=(n, *self.shape)).astype("float32")
        if self.name == "masked_rnn":
            values[:, -3:] = 0.0
        return values


def sequential() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((12, 12, 2)),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def unbuilt_sequential() -> keras.Model:
    return keras.Sequential(
        [layers.Dense(16, activation="relu", name="hidden"), layers.Dropout(0.3), layers.Dense(CLASSES, "softmax")]
    )


def functional() -> keras.Model:
    inputs = keras.Input((10,))
    left = layers.Dense(8, activation="relu", name="left")(inputs)
    right = layers.Dense(8, activation="tanh", name="right")(inputs)
    joined = layers.Concatenate(name="joined")([left, right])
    return keras.Model(inputs, layers.Dense(CLASSES, activation="softmax")(joined))


@keras.saving.register_keras_serializable("auxtasks_tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.blocks = [layers.Dense(12, activation="relu", name="first"), layers.Dense(8, "relu", name="second")]
        self.dropout = layers.Dropout(0.2)
        self.top = layers.Dense(CLASSES, activation="softmax", name="top")

    def call(self, inputs: Any, training: bool = False) -> Any:
        for block in self.blocks:
            inputs = block(inputs)
        return self.top(self.dropout(inputs, training=training))


def pretrained_style() -> keras.Model:
    """Use the first seven blocks of a network of Keras as a layer."""
    whole = keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, include_top=False, weights=None)
    backbone = keras.Model(whole.input, whole.get_layer("block_6_project_BN").output, name="backbone")
    inputs = keras.Input((32, 32, 3))
    pooled = layers.GlobalAveragePooling2D()(backbone(inputs))
    return keras.Model(inputs, layers.Dense(CLASSES, activation="softmax")(pooled))


def shared_encoder() -> keras.Model:
    encoder = keras.Sequential([keras.Input((10,)), layers.Dense(8, activation="relu", name="inner")], name="encoder")
    left, right = keras.Input((10,), name="left"), keras.Input((10,), name="right")
    distance = layers.Subtract(name="distance")([encoder(left), encoder(right)])
    return keras.Model([left, right], layers.Dense(CLASSES, activation="softmax")(distance))


def masked_rnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((14, 3)),
            layers.Masking(),
            layers.SimpleRNN(8, return_sequences=True, name="steps"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def conv1d() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((20, 3)),
            layers.Conv1D(8, 3, activation="relu", name="conv"),
            layers.Conv1D(8, 3, strides=2),
            layers.BatchNormalization(),
            layers.ReLU(name="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def bilstm() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((9,), dtype="int32"),
            layers.Embedding(30, 8, mask_zero=True),
            layers.Bidirectional(layers.LSTM(6, return_sequences=True), name="both"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


@keras.saving.register_keras_serializable("auxtasks_tests")
class TransformerBlock(layers.Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(2, 4, name="attention")
        self.norm = layers.LayerNormalization(name="norm")
        self.feed = layers.Dense(8, activation="relu", name="feed")

    def build(self, shape: Any) -> None:
        self.attention.build(shape, shape)
        self.norm.build(shape)
        self.feed.build(shape)
        super().build(shape)

    def call(self, inputs: Any) -> Any:
        return self.feed(self.norm(inputs + self.attention(inputs, inputs)))


def transformer() -> keras.Model:
    inputs = keras.Input((9,), dtype="int32")
    hidden = layers.Embedding(30, 8, name="embedding")(inputs)
    hidden = TransformerBlock(name="block")(hidden)
    hidden = layers.GlobalMaxPooling1D()(hidden)
    return keras.Model(inputs, layers.Dense(CLASSES, activation="softmax")(hidden))


def shared_layer() -> keras.Model:
    inputs = keras.Input((8,))
    repeated = layers.Dense(8, activation="relu", name="repeated")
    hidden = repeated(repeated(layers.Dense(8, name="first")(inputs)))
    return keras.Model(inputs, layers.Dense(CLASSES, activation="softmax")(hidden))


KINDS = [
    ModelKind("sequential", sequential, (12, 12, 2), "conv"),
    ModelKind("unbuilt_sequential", unbuilt_sequential, (10,), "hidden"),
    ModelKind("functional", functional, (10,), "joined"),
    ModelKind("subclassed", Subclassed, (10,), "second"),
    ModelKind("pretrained_style", pretrained_style, (32, 32, 3), "backbone/block_6_expand_relu"),
    ModelKind("shared_encoder", shared_encoder, (10,), "distance", inputs=2),
    ModelKind("masked_rnn", masked_rnn, (14, 3), "steps"),
    ModelKind("conv1d", conv1d, (20, 3), "conv"),
    ModelKind("bilstm", bilstm, (9,), "both", vocabulary=30),
    ModelKind("transformer", transformer, (9,), "block", vocabulary=30),
    ModelKind("shared_layer", shared_layer, (8,), "first"),
]
BY_NAME = {kind.name: kind for kind in KINDS}
