"""Models by their form: several outputs, decoders, layers and calls of one's own, other precisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from clients import LOSS, Client, N, check
from keras import layers

import auxtasks

SIGNALS = np.random.default_rng(0).normal(size=(N, 24, 2)).cumsum(axis=1).astype("float32")


def _classes() -> tuple[np.ndarray, np.ndarray]:
    return SIGNALS, np.random.default_rng(1).integers(0, 3, N)


def _two_labels() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return SIGNALS, {"kind": _classes()[1], "level": SIGNALS[:, -1, :1]}


def _itself() -> tuple[np.ndarray, np.ndarray]:
    return SIGNALS, SIGNALS


def _next() -> tuple[np.ndarray, np.ndarray]:
    return SIGNALS, np.roll(SIGNALS[:, -4:, 0], 1, axis=0)


def _fft(x: Any) -> Any:
    return auxtasks.make_aux_targets(x, domain="signal", tasks=["std", "fft"])


def several_outputs() -> keras.Model:
    inputs = keras.Input((24, 2))
    hidden = layers.Conv1D(8, 3, activation="relu", name="shared")(inputs)
    hidden = layers.GlobalAveragePooling1D(name="pooled")(hidden)
    kind = layers.Dense(3, activation="softmax", name="kind")(hidden)
    return keras.Model(inputs, {"kind": kind, "level": layers.Dense(1, name="level")(hidden)})


def autoencoder() -> keras.Model:
    code = [layers.Conv1D(8, 3, 2, "same", activation="relu", name="code"), layers.BatchNormalization()]
    decode = [layers.Conv1DTranspose(8, 3, 2, "same", activation="relu"), layers.Conv1D(2, 3, padding="same")]
    return keras.Sequential([keras.Input((24, 2)), *code, *decode])


def forecaster() -> keras.Model:
    """Returns the next steps of a series."""
    # Few steps, because each takes its time where nothing is traced.
    stack = [layers.Conv1D(4, 6, 6, name="hours"), layers.LSTM(8, name="series"), layers.Dense(4)]
    return keras.Sequential([keras.Input((24, 2)), *stack])


@keras.saving.register_keras_serializable("auxtasks_clients")
class Sparse(layers.Layer):
    """Adds a loss in its call, and draws noise in training."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.dense = units, layers.Dense(units, activation="relu")
        self.noise = layers.GaussianNoise(0.1, seed=5)

    def build(self, shape: Any) -> None:
        self.dense.build(shape)
        super().build(shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        hidden = self.noise(self.dense(inputs), training=training)
        self.add_loss(0.01 * keras.ops.mean(keras.ops.abs(hidden)))
        return hidden

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def with_added_loss() -> keras.Model:
    stack = [layers.Flatten(), Sparse(8, name="sparse"), layers.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input((24, 2)), *stack])


@keras.saving.register_keras_serializable("auxtasks_clients")
class Encoder(layers.Layer):
    """Lets its layers hear from the model whether they are in training."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conv = layers.Conv1D(8, 3, activation="relu", name="conv")
        self.norm, self.drop = layers.BatchNormalization(), layers.Dropout(0.4, seed=4)

    def build(self, shape: Any) -> None:
        self.conv.build(shape)
        self.norm.build(self.conv.compute_output_shape(shape))
        super().build(shape)

    def call(self, inputs: Any) -> Any:
        return self.drop(self.norm(self.conv(inputs)))


@keras.saving.register_keras_serializable("auxtasks_clients")
class Untold(keras.Model):
    """Its call takes no argument `training`, so that Keras trains it with dropout off."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encoder, self.pool = Encoder(), layers.GlobalMaxPooling1D()
        self.top = layers.Dense(3, activation="softmax")

    def call(self, inputs: Any) -> Any:
        return self.top(self.pool(self.encoder(inputs)))


@keras.saving.register_keras_serializable("auxtasks_clients")
class Positional(Untold):
    """Takes both arguments by their place, and a nested model hears of them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = Untold()

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return self.top(self.pool(self.encoder(inputs))) * self.inner(inputs)


@keras.saving.register_keras_serializable("auxtasks_clients")
class AlwaysOn(Untold):
    """Is in training unless it is told otherwise."""

    def call(self, inputs: Any, training: bool = True) -> Any:
        return super().call(inputs)


def half_precision() -> keras.Model:
    """Computes in half precision, and answers in full."""
    policy = keras.DTypePolicy("mixed_bfloat16")
    conv = layers.Conv1D(8, 3, activation="relu", name="conv", dtype=policy)
    stack = [conv, layers.GlobalAveragePooling1D(dtype=policy), layers.Dense(3, activation="softmax", dtype="float32")]
    return keras.Sequential([keras.Input((24, 2)), *stack])


CLIENTS = [
    Client(
        "several_outputs",
        several_outputs,
        _two_labels,
        _fft,
        loss={"kind": LOSS, "level": "mse"},
        compile={"loss_weights": {"kind": 1.0, "level": 0.1}, "metrics": {"kind": "accuracy"}},
    ),
    Client("autoencoder", autoencoder, _itself, _fft, loss="mse"),
    Client("forecaster", forecaster, _next, _fft, loss="mae", compile={"metrics": ["mse"]}),
    Client("with_added_loss", with_added_loss, _classes, _fft, taps={"fft": "sparse"}),
    Client("untold", Untold, _classes, _fft),
    Client("positional", Positional, _classes, _fft),
    Client("always_on", AlwaysOn, _classes, _fft),
    Client("half_precision", half_precision, _classes, _fft),
]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_heads_serve(client: Client, tmp_path: Path) -> None:
    check(client, tmp_path)
