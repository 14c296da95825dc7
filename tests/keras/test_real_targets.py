"""From inputs to a trained model with targets that were computed."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import auxtasks
from auxtasks.keras import attach_heads, strip_heads

N = 40


def _labels(n: int = N) -> np.ndarray:
    y = np.arange(n) % 2
    y[n // 2 :] = -1
    return y


def _train(base: keras.Model, targets: auxtasks.AuxTargets, x_val: Any, **arguments: Any) -> dict[str, list[float]]:
    model = attach_heads(base, targets, seed=0, **arguments)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    val = targets.transform(x_val)
    logs = model.fit(
        targets.inputs,
        targets.with_main(_labels()),
        validation_data=(val.inputs, val.with_main(np.arange(len(x_val)) % 2)),
        epochs=4,
        verbose=0,
    ).history
    for name in targets:
        assert np.isfinite(logs[f"{name}_loss"]).all()
        # What is given has no values for new samples.
        assert np.isnan(logs[f"val_{name}_loss"]).all() == (name == "place")
        assert logs[f"{name}_loss"][-1] < logs[f"{name}_loss"][0]
    assert strip_heads(model) is base
    model.run_eagerly = True
    predicted = model.predict_auxiliary(val.inputs, verbose=0)
    assert set(predicted) == set(targets)
    return logs


@pytest.mark.graph  # eagerly, a target without any value is left out of the logs
def test_signals() -> None:
    x = np.random.default_rng(0).normal(size=(N, 32, 2)).cumsum(axis=1).astype("float32")
    place = np.where(np.arange(N) % 3 == 0, "left", "right")
    targets = auxtasks.make_aux_targets(x, "signal", ["std", "fft", "reconstruction"], label_columns={"place": place})
    assert set(targets) == {"std", "fft", "reconstruction", "place"}
    base = keras.Sequential(
        [
            keras.Input((32, 2)),
            layers.Conv1D(8, 5, padding="same", activation="relu", name="conv"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    _train(base, targets, x[:10], at={"fft": "conv"})


def test_signals_shortened_by_the_task_itself() -> None:
    x = np.random.default_rng(0).normal(size=(N, 20, 2)).cumsum(axis=1).astype("float32")
    targets = auxtasks.make_aux_targets(x, "signal", ["next_steps", "std"])
    length = targets.inputs.shape[1]
    assert length < 20
    base = keras.Sequential([keras.Input((length, 2)), layers.SimpleRNN(8), layers.Dense(2, activation="softmax")])
    _train(base, targets, x[:10])


def test_images() -> None:
    x = np.random.default_rng(0).random((N, 16, 16, 1)).astype("float32")
    targets = auxtasks.make_aux_targets(x, "image", ["hog"])
    base = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model = attach_heads(base, targets, weights=1.0)
    assert model.taps == {"hog": "conv"}  # HOG has a place in the image
    _train(base, targets, x[:10])


def test_rotated_copies_train_without_a_main_label() -> None:
    x = np.random.default_rng(0).random((N, 12, 12, 1)).astype("float32")
    targets = auxtasks.make_aux_targets(x, "image", ["rotation"])
    assert len(targets.inputs) > N
    base = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model = attach_heads(base, targets, weights=1.0)
    model.compile("adam", "sparse_categorical_crossentropy")
    logs = model.fit(targets.inputs, targets.with_main(np.arange(N) % 2), batch_size=64, verbose=0).history
    assert np.isfinite(list(logs.values())).all()


@pytest.mark.parametrize("kind", ["conv3d", "time"])
def test_videos_predict_their_next_frame(kind: str) -> None:
    x = np.random.default_rng(0).random((N, 4, 6, 6, 1)).astype("float32").cumsum(axis=1)
    targets = auxtasks.make_aux_targets(x, "video", ["next_frame"])
    shape = targets.inputs.shape[1:]
    trunk: list[layers.Layer] = [layers.Conv3D(4, 3, padding="same", activation="relu")]
    if kind == "time":
        trunk = [
            layers.TimeDistributed(layers.Conv2D(4, 3, padding="same", activation="relu")),
            layers.TimeDistributed(layers.GlobalAveragePooling2D()),
            layers.SimpleRNN(8, return_sequences=True),
        ]
    pool = layers.GlobalAveragePooling3D() if kind == "conv3d" else layers.GlobalAveragePooling1D()
    base = keras.Sequential([keras.Input(shape), *trunk, pool, layers.Dense(2, activation="softmax")])
    _train(base, targets, x[:10])
