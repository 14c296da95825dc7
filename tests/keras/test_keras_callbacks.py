"""The callbacks of Keras see the model with heads as any other."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import X, aux_targets, dense_model, labels

Y = {"main": labels(), **aux_targets()}
LOGS = {"loss", "main_loss", "numbers_loss", "kind_loss", "accuracy"}


def test_early_stopping_on_the_main_metric() -> None:
    model = dense_model(metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping("val_accuracy", patience=1, restore_best_weights=True)
    # Labels that cannot be predicted, so that it stops early.
    validation = (X, np.roll(Y["main"], 1))
    logs = model.fit(X, Y, epochs=20, validation_data=validation, callbacks=[stop], verbose=0).history
    accuracies = logs["val_accuracy"]
    best = int(np.argmax(accuracies))
    assert len(accuracies) == best + 2 < 20
    assert stop.best == accuracies[best]
    final = model.evaluate(*validation, return_dict=True, verbose=0)["accuracy"]
    assert final == pytest.approx(accuracies[best])


def test_tensorboard_shows_the_loss_of_each_task(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorFlow writes numbers for TensorBoard only where it is installed")
    model = dense_model(metrics=["accuracy"])
    board = keras.callbacks.TensorBoard(tmp_path, histogram_freq=1)
    logs = model.fit(X, Y, validation_data=(X, Y), callbacks=[board], verbose=0).history
    for part, prefix in (("train", ""), ("validation", "val_")):
        written = scalars(tmp_path / part)
        for name in LOGS:
            expected = logs[prefix + name]
            np.testing.assert_allclose(written[f"epoch_{name}"], expected, rtol=1e-6, err_msg=prefix + name)


def scalars(folder: Path) -> dict[str, list[float]]:
    """Read the numbers in a folder's event files, by name and in order."""
    found: dict[str, list[float]] = {}
    for record in tf.data.TFRecordDataset([str(path) for path in sorted(folder.glob("events.*"))]):
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value:
            if value.metadata.plugin_data.plugin_name == "scalars":
                found.setdefault(value.tag, []).append(float(tf.make_ndarray(value.tensor)))
    return found


def test_a_csv_log_has_a_column_for_each_task(tmp_path: Path) -> None:
    model = dense_model(metrics=["accuracy"])
    write = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    logs = model.fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[write], verbose=0).history
    with (tmp_path / "log.csv").open(newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    assert set(rows[0]) == {"epoch", *LOGS, *(f"val_{name}" for name in LOGS)}
    for name, column in logs.items():
        assert [float(row[name]) for row in rows] == pytest.approx(column)
