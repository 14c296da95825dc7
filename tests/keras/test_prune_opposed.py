"""Tasks that work against the main one are taken out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, SPECS, X, aux_targets, dense_base, dense_model, labels

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.keras import AuxModel, PruneOpposed, attach_heads, gradients

Y = {"main": labels(), **aux_targets()}
NAN = math.nan


class Cosines(keras.callbacks.Callback):
    """Write given cosines into the logs, one list a task; None leaves a task out."""

    def __init__(self, **by_task: list[float | None]) -> None:
        super().__init__()
        self.by_task = by_task

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs |= {f"{task}_cosine": row[epoch] for task, row in self.by_task.items() if row[epoch] is not None}


def train(model: AuxModel, prune: PruneOpposed, *more: keras.callbacks.Callback, **cosines: list[float | None]) -> Any:
    epochs = len(next(iter(cosines.values())))
    return model.fit(X, Y, batch_size=48, epochs=epochs, callbacks=[Cosines(**cosines), prune, *more], verbose=0)


@pytest.mark.parametrize(
    ("cosines", "settings", "pruned"),
    [
        ([-0.1, -0.2, -0.3, 0.9], {}, {"kind": 2}),
        ([-0.1, -0.2, 0.0, -0.1, -0.1], {}, {}),
        ([-0.1, -0.2, NAN, -0.3, 0.9], {}, {"kind": 3}),
        ([-0.1, -0.2, None, -0.3, 0.9], {}, {"kind": 3}),
        ([-0.1, 0.9], {"patience": 1}, {"kind": 0}),
        ([0.1, 0.2, 0.1], {"threshold": 0.3}, {"kind": 2}),
        ([-0.1, -0.2, -0.1], {"threshold": -0.3}, {}),
        ([-0.1, -0.2, -0.3, -0.1], {"patience": 2, "start_from_epoch": 2}, {"kind": 3}),
    ],
    ids=["in_a_row", "interrupted", "unknown_between", "absent_between", "patience", "above", "below", "warm_up"],
)
def test_opposition_in_a_row_prunes(
    cosines: list[float | None], settings: dict[str, Any], pruned: dict[str, int]
) -> None:
    model, prune = dense_model({"numbers": 2.0}), PruneOpposed(verbose=0, **settings)
    train(model, prune, kind=cosines, numbers=[0.5] * len(cosines))
    assert prune.pruned_ == pruned
    assert model.loss_weights == {"numbers": 2.0, "kind": 0.0 if pruned else 1.0}


def test_from_then_on_the_graph_trains_without_the_task() -> None:
    model = dense_model(base=dense_base(dropout=0.0), run_eagerly=False)
    train(model, PruneOpposed(patience=1, verbose=0), kind=[-0.5], numbers=[0.5])
    without = dense_model(base=dense_base(dropout=0.0))
    without.set_weights(model.get_weights())
    without.set_loss_weights({"kind": 0.0})
    for each in (model, without):
        each.fit(X, Y, batch_size=48, verbose=0)
    for found, expected in zip(model.base.get_weights(), without.base.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_one_message_names_task_epochs_and_mean(capsys: Any) -> None:
    train(dense_model(), PruneOpposed(patience=2), kind=[0.5, -0.1, NAN, -0.2, -0.9], numbers=[0.1] * 5)
    (message,) = [line for line in capsys.readouterr().out.splitlines() if line]
    assert message == (
        "Epoch 4: PruneOpposed sets the weight of 'kind' to 0: its gradient opposed that of the main task in "
        "epochs 2, 4 (mean cosine -0.150, threshold +0)."
    )


def test_the_count_begins_anew_and_what_is_pruned_stays_so() -> None:
    model, prune = dense_model(), PruneOpposed(patience=2, verbose=0)
    train(model, prune, kind=[-0.5, -0.5], numbers=[0.5, -0.5])
    model.set_loss_weights(1.0)  # as if older weights had been restored
    train(model, prune, kind=[0.5], numbers=[-0.5])
    assert (model.loss_weights, prune.pruned_) == ({"numbers": 1.0, "kind": 0.0}, {"kind": 1})
    other = dense_model()
    train(other, prune, kind=[0.5], numbers=[0.5])
    assert (other.loss_weights, prune.pruned_) == ({"numbers": 1.0, "kind": 1.0}, {})


# At some steps, or at all of them.
@pytest.mark.parametrize("weighting", ["monitor", "gradnorm"])
def test_weightings_that_look_at_gradients_write_what_is_read(weighting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "SAMPLED", 2)
    model = attach_heads(dense_base(), SPECS, samples=X, weighting=weighting, weights=1.0)
    model.compile(keras.optimizers.SGD(0.1), LOSS)
    prune = PruneOpposed(patience=2, threshold=1.0, verbose=0)  # no two gradients here are parallel
    # "monitor" looks at every second step: the first of each epoch.
    logs = model.fit(X, Y, batch_size=24, epochs=3, callbacks=[prune], verbose=0).history
    assert prune.pruned_ == {"numbers": 1, "kind": 1}
    assert logs["numbers_weight"][-1] == logs["kind_weight"][-1] == 0.0


class _Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 2:
            raise KeyboardInterrupt


def test_a_resumed_run_keeps_pruned_tasks_out(tmp_path: Path) -> None:
    cosines: dict[str, list[float | None]] = {"kind": [-0.5, -0.5, 0.5, 0.5], "numbers": [0.5] * 4}
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt):
        train(dense_model(), PruneOpposed(patience=2, verbose=0), backup, _Interrupt(), **cosines)
    resumed, prune = dense_model(), PruneOpposed(patience=2, verbose=0)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    history = train(resumed, prune, backup, **cosines)
    assert history.epoch == [2, 3]
    assert resumed.loss_weights == {"numbers": 1.0, "kind": 0.0}
    assert prune.pruned_ == {}


def test_without_cosines_training_ends_with_the_reason() -> None:
    with pytest.raises(InvalidInputError, match=r"reads the cosine .*'numbers_cosine'.*weighting=\"monitor\""):
        dense_model().fit(X, Y, callbacks=[PruneOpposed()], verbose=0)


def test_a_model_without_heads_is_refused() -> None:
    plain = dense_base()
    plain.compile("sgd", LOSS)
    with pytest.raises(InvalidTypeError, match=r"`callbacks`: PruneOpposed .*is of type Sequential"):
        plain.fit(X, labels(), callbacks=[PruneOpposed()], verbose=0)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"patience": 0}, InvalidInputError, "`patience` must be at least 1; got 0"),
        ({"patience": 1.5}, InvalidTypeError, "`patience` must be an integer"),
        ({"threshold": -1.5}, InvalidInputError, "`threshold` must be from -1.0 to 1.0; got -1.5"),
        ({"start_from_epoch": -1}, InvalidInputError, "`start_from_epoch` must be at least 0"),
        ({"verbose": 2}, InvalidInputError, "`verbose` must be from 0 to 1; got 2"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        PruneOpposed(**settings)
