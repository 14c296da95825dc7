"""The base on disk while it is trained with heads."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
import pytest
from helpers import LOSS, X, aux_targets, dense_base, dense_model, labels

from auxtasks.errors import InvalidTypeError, StorageError
from auxtasks.keras import BaseCheckpoint
from auxtasks.keras.callbacks import _replaced

Y = {"main": labels(), **aux_targets()}


def test_what_is_written_loads_where_auxtasks_is_not_installed(tmp_path: Path) -> None:
    model = dense_model()
    both = [
        BaseCheckpoint(tmp_path / "base.keras"),
        BaseCheckpoint(tmp_path / "base.weights.h5", save_weights_only=True),
    ]
    model.fit(X, Y, callbacks=both, verbose=0)
    expected = model.predict(X, verbose=0)
    ours = {name: None for name in sys.modules if name.partition(".")[0] == "auxtasks"}  # importing these now fails
    with patch.dict(sys.modules, ours), patch.dict(keras.saving.get_custom_objects(), clear=True):
        loaded = keras.models.load_model(tmp_path / "base.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, atol=1e-6)
    loaded.load_weights(tmp_path / "base.weights.h5")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, atol=1e-6)
    assert not [layer for layer in loaded._flatten_layers() if layer.name.startswith("aux_")]


class _Trace(keras.callbacks.Callback):
    """The base's weights after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.bases: list[list[np.ndarray]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.bases.append(self.model.base.get_weights())


@pytest.mark.parametrize("with_targets", [True, False], ids=["targets_in_validation", "plain_validation"])
def test_the_best_base_is_kept_by_the_main_loss(tmp_path: Path, with_targets: bool) -> None:
    # Labels that cannot be predicted: their loss rises after a while, the auxiliary ones and the total still fall.
    other = np.roll(Y["main"], 1)
    model = dense_model()
    model.compile(keras.optimizers.SGD(0.3), LOSS)
    trace, save = _Trace(), BaseCheckpoint(tmp_path / "best.weights.h5", save_best_only=True, save_weights_only=True)
    validation = (X, {**Y, "main": other} if with_targets else other)
    logs = model.fit(X, Y, epochs=5, validation_data=validation, callbacks=[trace, save], verbose=0).history
    best = int(np.argmin(logs["val_main_loss"]))
    assert 0 < best < 4
    assert logs["val_loss"] == logs["val_main_loss"]
    loaded = dense_base()
    loaded.load_weights(tmp_path / "best.weights.h5")
    for found, expected in zip(loaded.get_weights(), trace.bases[best], strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("monitor", "mode", "first", "second", "improved"),
    [
        ("val_main_loss", "auto", 1.0, 0.5, True),
        ("kind_loss", "auto", 0.5, 1.0, False),
        ("kind_loss", "max", 0.5, 1.0, True),
        ("val_accuracy", "auto", 0.5, 1.0, True),
    ],
)
def test_auto_knows_the_direction_of_losses_and_metrics(
    tmp_path: Path, monitor: str, mode: str, first: float, second: float, improved: bool
) -> None:
    model = dense_model(metrics=["accuracy"])
    model.fit(X[:8], {name: part[:8] for name, part in Y.items()}, verbose=0)
    save = BaseCheckpoint(tmp_path / "{epoch}.keras", monitor=monitor, mode=mode, save_best_only=True)
    save.set_model(model)
    for epoch, value in enumerate([first, second]):
        save.on_epoch_begin(epoch)
        save.on_epoch_end(epoch, {monitor: value})
    assert (tmp_path / "1.keras").exists()
    assert (tmp_path / "2.keras").exists() == improved


def test_names_may_hold_logs_and_batches_may_be_counted(tmp_path: Path) -> None:
    model = dense_model()
    each_two = BaseCheckpoint(tmp_path / "{epoch}_{batch}.weights.h5", save_weights_only=True, save_freq=2)
    each_epoch = BaseCheckpoint(tmp_path / "{main_loss:.4f}.weights.h5", save_weights_only=True)
    logs = model.fit(X, Y, batch_size=16, epochs=2, callbacks=[each_two, each_epoch], verbose=0).history
    # Three batches an epoch: the second, and of the next epoch the first and the third.
    expected = {"1_2", "2_1", "2_3", *(f"{loss:.4f}" for loss in logs["main_loss"])}
    assert {path.name.removesuffix(".weights.h5") for path in tmp_path.iterdir()} == expected


def test_a_model_without_heads_is_refused(tmp_path: Path) -> None:
    plain = dense_base()
    plain.compile("sgd", LOSS)
    with pytest.raises(InvalidTypeError, match=r"`callbacks`: BaseCheckpoint .*is of type Sequential"):
        plain.fit(X, labels(), callbacks=[BaseCheckpoint(tmp_path / "base.keras")], verbose=0)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_killed_process_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "base.keras"
    save = BaseCheckpoint(path)
    save.set_model(dense_model())
    save.model.save(str(path))
    before = path.read_bytes()

    def half(place: Path) -> None:
        place.write_bytes(before[: len(before) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    for name in ("base.keras", "other.keras"):
        if not (child := os.fork()):
            _replaced(str(tmp_path / name), lambda place, **_: half(place), True)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert path.read_bytes() == before
    assert {left.name for left in tmp_path.iterdir()} == {"base.keras", ".base.keras.saving", ".other.keras.saving"}
    save.on_train_begin()
    assert {left.name for left in tmp_path.iterdir()} == {"base.keras", ".other.keras.saving"}
    BaseCheckpoint(tmp_path / "{epoch}.keras").on_train_begin()
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_named_and_the_old_one_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = BaseCheckpoint(tmp_path / "base.keras")
    save.set_model(dense_model())
    (tmp_path / "base.keras").write_text("old")

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("auxtasks.files.sync", full)
    with pytest.raises(StorageError, match=r"`filepath`: the disk of .* is full"):
        save.model.save(str(tmp_path / "base.keras"))
    assert (tmp_path / "base.keras").read_text() == "old"
    (tmp_path / "link.keras").symlink_to(tmp_path / "base.keras")
    with pytest.raises(StorageError, match=r"`filepath`: .*link.keras is a link to"):
        save.model.save(str(tmp_path / "link.keras"))


def test_files_on_a_remote_store_are_left_to_keras() -> None:
    saved = []
    _replaced("gs://bucket/base.keras", lambda path, overwrite: saved.append((path, overwrite)), True)
    assert saved == [("gs://bucket/base.keras", True)]
