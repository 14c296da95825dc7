"""A run that was stopped and resumed is the run that was not."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from models import X, Y, weighed

LABELS = np.where(np.arange(24) % 3, -1, Y["main"])


@keras.saving.register_keras_serializable("auxtasks_tests")
def rising(step: Any, main: Any, losses: Any) -> Any:
    """A weighting of the user's own."""
    del main, losses
    return keras.ops.cast(step, "float32") / 10


def _fit(model: keras.Model, first: int, *callbacks: keras.callbacks.Callback) -> dict[str, list[float]]:
    """Batches are composed, since some labels are missing; they depend on the seed and the epoch alone."""
    y = {**Y, "main": LABELS}
    logs: dict[str, list[float]] = model.fit(
        X, y, batch_size=32, initial_epoch=first, epochs=3, seed=4, verbose=0, callbacks=list(callbacks)
    ).history
    return logs


# GradNorm stands for what compares gradients: the others have no state of their own.
BY_FACTOR = [rising, {"warm_up": {"steps": 4}}, {"pretrain": {"steps": 2}}, "uncertainty", "dwa"]
GRADNORM = {"gradnorm": {"learning_rate": 0.1}}


@pytest.mark.parametrize("weighting", ["fixed", BY_FACTOR, GRADNORM], ids=["fixed", "by_factor", "gradnorm"])
def test_a_resumed_run_ends_at_the_weights_of_an_uninterrupted_one(weighting: Any, tmp_path: Path) -> None:
    whole = weighed(weighting)
    whole.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy")
    save = partial(whole.save, tmp_path / "model.keras")
    expected = _fit(whole, 0, keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _: epoch or save()))
    resumed = keras.models.load_model(tmp_path / "model.keras")
    resumed.run_eagerly = whole.run_eagerly  # which Keras does not save
    found = _fit(resumed, 1)
    for one, other in zip(whole.variables, resumed.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.path)
    for log, values in found.items():
        np.testing.assert_array_equal(values, expected[log][1:], err_msg=log)


@pytest.mark.graph
def test_keras_can_back_a_run_up_and_restore_it(tmp_path: Path) -> None:
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                raise KeyboardInterrupt

    backup = partial(keras.callbacks.BackupAndRestore, str(tmp_path))
    stopped, resumed = (weighed("dwa") for _ in range(2))
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        _fit(stopped, 0, backup(), Stop())
    _fit(resumed, 0, backup())
    _fit(stopped, 1)  # which has lost nothing
    for one, other in zip(stopped.variables, resumed.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.path)
