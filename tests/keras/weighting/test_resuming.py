"""A run that was stopped and resumed is the run that was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from models import X, Y, convolutional, weighed

from auxtasks.keras.weighting.choose import WEIGHTINGS

LABELS = np.where(np.arange(24) % 3, -1, Y["main"])
OPTIONS = {
    "delayed": {"steps": 3},
    "warm_up": {"steps": 6},
    "decay": {"steps": 6},
    "pretrain": {"steps": 3},
    "gradnorm": {"learning_rate": 0.1},
}


@keras.saving.register_keras_serializable("auxtasks_tests")
def rising(step: Any, main: Any, losses: Any) -> Any:
    """A weighting of the user's own."""
    del main, losses
    return keras.ops.cast(step, "float32") / 10


def _model(weighting: Any) -> keras.Model:
    model = weighed(weighting, convolutional())
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


def _fit(model: keras.Model, first: int, last: int, **how: Any) -> dict[str, list[float]]:
    """Batches are composed, since some labels are missing; they depend on the seed and the epoch alone."""
    y = {**Y, "main": LABELS}
    logs: dict[str, list[float]] = model.fit(
        X, y, batch_size=24, initial_epoch=first, epochs=last, seed=4, verbose=0, **how
    ).history
    return logs


@pytest.mark.parametrize("name", [*WEIGHTINGS, "fixed", "function"])
def test_a_resumed_run_ends_at_the_weights_of_an_uninterrupted_one(name: str, tmp_path: Path) -> None:
    weighting = rising if name == "function" else name if name == "fixed" else {name: OPTIONS.get(name, {})}
    whole, half = _model(weighting), _model(weighting)
    expected = _fit(whole, 0, 4)
    _fit(half, 0, 2)
    half.save(tmp_path / "model.keras")
    resumed = keras.models.load_model(tmp_path / "model.keras")
    resumed.run_eagerly = whole.run_eagerly  # which Keras does not save
    found = _fit(resumed, 2, 4)
    for one, other in zip(whole.variables, resumed.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.path)
    for log, values in found.items():
        np.testing.assert_array_equal(values, expected[log][2:], err_msg=log)


@pytest.mark.graph
def test_keras_can_back_a_run_up_and_restore_it(tmp_path: Path) -> None:
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise KeyboardInterrupt

    whole = _model("dwa")
    _fit(whole, 0, 4)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        _fit(_model("dwa"), 0, 4, callbacks=[keras.callbacks.BackupAndRestore(str(tmp_path)), Stop()])
    resumed = _model("dwa")
    _fit(resumed, 0, 4, callbacks=[keras.callbacks.BackupAndRestore(str(tmp_path))])
    for one, other in zip(whole.variables, resumed.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.path)
