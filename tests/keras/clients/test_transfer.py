"""Models on a backbone that was trained before: frozen, then fine-tuned, with callbacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from clients import LOSS, Client, N, check
from helpers import assert_same
from keras import layers

import auxtasks
from auxtasks.keras import attach_heads, strip_heads

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.random((N, 8, 8, 3), dtype="float32"), RNG.integers(0, 3, N)
TARGETS = auxtasks.make_aux_targets(IMAGES, domain="image", tasks=["hog"])


def _backbone() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    hidden = layers.Conv2D(4, 3, name="conv1")(inputs)
    hidden = layers.ReLU(name="relu1")(layers.BatchNormalization(name="norm1")(hidden))
    return keras.Model(inputs, layers.Conv2D(8, 3, activation="relu", name="conv2")(hidden), name="backbone")


def frozen() -> keras.Model:
    """A trained block on a backbone that keeps its weights and its statistics."""
    backbone = _backbone()
    backbone.trainable = False
    inputs = keras.Input((8, 8, 3))
    hidden = layers.GlobalAveragePooling2D()(backbone(inputs, training=False))
    hidden = layers.Dropout(0.2, seed=1)(layers.Dense(8, activation="relu", name="block")(hidden))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="top")(hidden))


CLIENTS = [Client("frozen", frozen, lambda: (IMAGES, LABELS), lambda _: TARGETS, attach={"at": "block"})]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_heads_serve(client: Client, tmp_path: Path) -> None:
    check(client, tmp_path)


def _two_stages(folder: Path, weights: float | None) -> tuple[keras.Model, keras.Model]:
    """Train the top, then all at a lower rate, with the callbacks of most scripts; without weights a plain model."""
    keras.utils.set_random_seed(3)
    base = model = frozen()
    y: Any = LABELS
    if weights is not None:
        model, y = attach_heads(base, TARGETS, at="block", weights=weights), TARGETS.with_main(LABELS)
    for rate, trains_all, epochs in ((0.1, False, 1), (0.01, True, 2)):
        base.get_layer("backbone").trainable = trains_all
        model.compile(keras.optimizers.SGD(rate), LOSS, metrics=["accuracy"])
        saved = str(folder / f"{rate}_{weights}.keras")
        callbacks = [
            keras.callbacks.EarlyStopping("val_accuracy", patience=1, restore_best_weights=True),
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=0, min_delta=10.0),
            keras.callbacks.ModelCheckpoint(saved, monitor="val_accuracy", save_best_only=True),
        ]
        validation = IMAGES, LABELS
        model.fit(IMAGES, y, 8, epochs, verbose=0, shuffle=False, callbacks=callbacks, validation_data=validation)
    return base, model


def test_two_stages_of_fine_tuning_with_callbacks(tmp_path: Path) -> None:
    plain, _ = _two_stages(tmp_path, None)
    without, _ = _two_stages(tmp_path, 0.0)
    assert_same(plain, without)
    base, model = _two_stages(tmp_path, 1.0)
    assert not np.array_equal(base.get_layer("block").kernel, plain.get_layer("block").kernel)
    rate = float(model.optimizer.learning_rate)
    assert rate < 0.01, "ReduceLROnPlateau has lowered it"
    stripped = strip_heads(model)
    assert float(stripped.optimizer.learning_rate) == rate
    assert stripped.evaluate(IMAGES, LABELS, verbose=0) == pytest.approx(
        list(model.evaluate(IMAGES, LABELS, verbose=0)), rel=1e-5
    )
    best = keras.saving.load_model(tmp_path / "0.01_1.0.keras")
    assert strip_heads(best).get_layer("backbone").trainable
