"""A run that was cut off and resumed equals one that was not, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import SPECS, X
from turn_models import OPTIMIZERS, Y, everything, model_in_turns, optimizers, same, steps_of

from auxtasks.keras import AuxModel, TaskBatches


@keras.saving.register_keras_serializable("turn_tests")
def every_fourth_step_is_main(step: int) -> str:
    return "main" if step % 4 == 0 else "kind"


def _data(form: str) -> dict[str, Any]:
    if form == "arrays":
        return {"x": X, "y": Y, "batch_size": 16, "shuffle": False}
    sets = {"main": (X[:10], Y["main"][:10]), "numbers": (X[:24], Y["numbers"][:24]), "kind": (X[:9], Y["kind"][:9])}
    return {"x": TaskBatches(sets, SPECS, batch_size=12, schedule="proportional", seed=3)}


@pytest.mark.parametrize(
    ("schedule", "form"),
    [
        ("proportional", "arrays"),
        ({"alternating": {"ratio": {"main": 2}}}, "batches"),
        (every_fourth_step_is_main, "arrays"),
    ],
    ids=["counted", "ratio", "function"],
)
def test_a_saved_and_loaded_model_goes_on(schedule: Any, form: str, tmp_path: Path) -> None:
    whole, first = (model_in_turns(schedule, OPTIMIZERS["momentum"]()) for _ in range(2))
    whole.fit(**_data(form), epochs=2, verbose=0)
    first.fit(**_data(form), epochs=1, verbose=0)
    first.save(tmp_path / "model.keras")
    second = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(second, AuxModel)
    assert same(everything(first), everything(second))
    second.fit(**_data(form), initial_epoch=1, epochs=2, verbose=0)
    assert same(everything(whole), everything(second))


class _Killed(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("form", "optimizer", "eagerly"), [("arrays", "adam", True), ("batches", "momentum", False)])
def test_a_killed_run_is_taken_up_by_backup_and_restore(
    form: str, optimizer: str, eagerly: bool, tmp_path: Path
) -> None:
    killed, resumed = (model_in_turns("proportional", OPTIMIZERS[optimizer](), run_eagerly=eagerly) for _ in range(2))
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        killed.fit(**_data(form), epochs=2, callbacks=[backup, _Killed()], verbose=0)
    resumed.fit(**_data(form), epochs=2, callbacks=[backup], verbose=0)
    killed.fit(**_data(form), epochs=2, initial_epoch=1, verbose=0)  # which has lost nothing
    assert same(everything(killed), everything(resumed))


def test_weights_with_every_optimizer_come_out_of_a_checkpoint(tmp_path: Path) -> None:
    model, other = model_in_turns(), model_in_turns()
    save = keras.callbacks.ModelCheckpoint(tmp_path / "last.weights.h5", save_weights_only=True)
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=[save])
    other._build_optimizers()
    other.load_weights(tmp_path / "last.weights.h5")
    assert same(everything(model), everything(other))
    assert set(steps_of(other).values()) == {2}


def test_loss_scales_are_saved(tmp_path: Path) -> None:
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = model_in_turns()
        model.fit(X, Y, batch_size=8, verbose=0)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert same(everything(model), everything(loaded))
    assert {type(each) for each in optimizers(loaded).values()} == {keras.optimizers.LossScaleOptimizer}


def test_compiling_again_begins_with_new_optimizers() -> None:
    model = model_in_turns()
    model.fit(X, Y, batch_size=8, verbose=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert set(steps_of(model).values()) == {0}
    assert int(model._alternation.step) == 6
    np.testing.assert_array_equal(list(steps_of(model)), ["main", *SPECS])
