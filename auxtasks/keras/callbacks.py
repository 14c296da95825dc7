"""`BaseCheckpoint`: the base model on disk, without heads, while it is trained with them."""

from __future__ import annotations

import glob
import math
import re
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import keras

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.files import left_by_killed, written_as_a_whole
from auxtasks.keras.model import AuxModel
from auxtasks.validation import check_int, check_number


class BaseCheckpoint(keras.callbacks.ModelCheckpoint):
    """Save the base model, as `keras.callbacks.ModelCheckpoint` saves the whole one.

    What is written is ``model.base`` and nothing of the heads: Keras loads it where auxtasks is not installed. To go on
    with interrupted training, heads included, use `keras.callbacks.ModelCheckpoint` or ``BackupAndRestore``.

    Parameters
    ----------
    filepath : str or path
        Where to save: a name that ends in ``.keras``, or in ``.weights.h5`` with `save_weights_only`. It may hold
        ``{epoch}`` and names from the logs, such as ``{val_main_loss:.3f}``.
    monitor : str, default "val_main_loss"
        The quantity that tells the best model.
    verbose : {0, 1}, default 0
        Whether to say what is saved.
    save_best_only : bool, default False
        Whether to save only when `monitor` is better than ever before.
    save_weights_only : bool, default False
        Whether to save the weights alone.
    mode : {"auto", "min", "max"}, default "auto"
        Whether a smaller or a larger value is better. ``"auto"`` takes smaller for names that end in "loss" and knows
        the metrics of Keras.
    save_freq : "epoch" or int, default "epoch"
        When to save: after each epoch, or after this many batches.
    initial_value_threshold : float, optional
        The value that the first model saved as the best must surpass.

    Raises
    ------
    InvalidTypeError
        When training starts, if the model has no heads.
    StorageError
        When it saves, if the file cannot be written; one that was there is kept.
    ValueError
        From Keras, if `filepath` ends otherwise.

    Notes
    -----
    A file is written beside the one that it replaces, and takes its place once it is on the disk: killed at any time,
    the process leaves the old file or the new one. What it left of an unfinished one is removed when training starts
    again with the same `filepath`.

    The base is saved compiled only if it was compiled itself.

    Examples
    --------
    >>> import tempfile, auxtasks, keras, numpy as np
    >>> from pathlib import Path
    >>> from auxtasks.keras import attach_heads
    >>> X = np.random.default_rng(0).normal(size=(64, 32, 3)).astype("float32")
    >>> targets = auxtasks.make_aux_targets(X, domain="signal", tasks=["std"])
    >>> base = keras.Sequential(
    ...     [keras.layers.Conv1D(8, 3), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2)]
    ... )
    >>> model = attach_heads(base, targets)
    >>> model.compile("adam", "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "base.keras")
    ...     save = BaseCheckpoint(path, monitor="main_loss", save_best_only=True)
    ...     history = model.fit(targets.inputs, targets.with_main(X[:, 0, :2]), callbacks=[save], verbose=0)
    ...     type(keras.models.load_model(path)).__name__
    'Sequential'
    """

    def __init__(
        self,
        filepath: str | PathLike[str],
        monitor: str = "val_main_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: Literal["auto", "min", "max"] = "auto",
        save_freq: int | Literal["epoch"] = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        # Keras knows the direction of "loss" alone.
        mode = "min" if mode == "auto" and monitor.endswith("loss") else mode
        super().__init__(
            filepath, monitor, verbose, save_best_only, save_weights_only, mode, save_freq, initial_value_threshold
        )

    def set_model(self, model: Any) -> None:
        """Take the model that is trained."""
        super().set_model(_SavedAsBase(model_with_heads("BaseCheckpoint", model)))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras's signature
        """Remove what a process that was killed left of files of such names."""
        path = Path(self.filepath)
        if not _is_remote(self.filepath) and "{" not in str(path.parent):
            left_by_killed(path.parent, "*".join(map(glob.escape, re.split(r"\{[^}]*\}", path.name))))


class _SavedAsBase:
    """A model that is saved as its base and is itself in everything else."""

    def __init__(self, model: AuxModel) -> None:
        self._model = model

    def save(self, filepath: str, overwrite: bool = True) -> None:
        _replaced(filepath, self._model.base.save, overwrite)

    def save_weights(self, filepath: str, overwrite: bool = True) -> None:
        _replaced(filepath, self._model.base.save_weights, overwrite)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _replaced(filepath: str, save: Callable[..., None], overwrite: bool) -> None:
    """Save to a file that takes the place of the one that is there once it is whole."""
    if _is_remote(filepath):
        save(filepath, overwrite=overwrite)
        return
    with written_as_a_whole(Path(filepath), "filepath") as new:
        save(new)


def _is_remote(filepath: str) -> bool:
    return "://" in filepath


class PruneOpposed(keras.callbacks.Callback):
    """Set the weight of a task to 0 when its gradient has opposed that of the main task for some epochs.

    Needs the logs ``<task>_cosine``: the cosine between the gradients of the task and of the main loss, averaged over
    the epoch. They are there if `attach_heads` was called with a weighting that looks at gradients
    (``"cosine_gate"``, ``"projection"``, ``"gradnorm"``), or with ``"monitor"``, which changes nothing else.

    Parameters
    ----------
    patience : int, default 3
        For how many epochs in a row the cosine must be below `threshold`.
    threshold : float, default 0.0
        From -1 to 1. A cosine below 0 means that a step for the task undoes some of the main task's.
    start_from_epoch : int, default 0
        The first epoch that counts. Gradients of untrained heads say little, so a few epochs of warm-up may pay.
    verbose : {0, 1}, default 1
        Whether to print a message for each task that is pruned.

    Attributes
    ----------
    pruned_ : dict of str to int
        The tasks pruned on this model, in order, and the epoch at whose end each was, counted from 0 as in
        ``History.epoch``.

    Raises
    ------
    InvalidTypeError
        If an argument is of another type; when training starts, if the model has no heads.
    InvalidInputError
        If an argument is out of range; at the end of the first epoch, if the logs hold no cosine at all.

    Notes
    -----
    An epoch in which a task's cosine is unknown (NaN or not in the logs) neither counts nor breaks the row. A task
    whose weight is 0 already is left alone.

    The callback never raises a weight, and keeps pruned tasks at 0 on the same model: to bring one back, set its weight
    and train with a new callback. The weights are variables of the model, so that a saved or restored model has the
    pruned tasks at 0. As in Keras's own callbacks, the count of epochs is not saved and begins anew with every
    ``fit``. Put this callback before ``BackupAndRestore`` and ``ModelCheckpoint``, which save the weights as they are
    when it is their turn.

    Examples
    --------
    >>> PruneOpposed(patience=5, threshold=-0.05, start_from_epoch=2).pruned_
    {}
    """

    def __init__(self, patience: int = 3, threshold: float = 0.0, start_from_epoch: int = 0, verbose: int = 1) -> None:
        super().__init__()
        self.patience = check_int("patience", patience, low=1)
        self.threshold = check_number("threshold", threshold, low=-1.0, high=1.0)
        self.start_from_epoch = check_int("start_from_epoch", start_from_epoch, low=0)
        self.verbose = check_int("verbose", verbose, low=0, high=1)
        self.pruned_: dict[str, int] = {}
        self._opposed: dict[str, list[tuple[int, float]]] = {}
        self._checked = False

    def set_model(self, model: Any) -> None:
        """Take the model that is trained; what was pruned on another one is forgotten."""
        if model is not self.model:
            self.pruned_ = {}
        super().set_model(model_with_heads("PruneOpposed", model))

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras's signature
        """Begin to count anew."""
        self._opposed, self._checked = {}, False

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Keep pruned tasks out, also after older weights were restored."""
        weights = self.model.loss_weights
        returned = [task for task in self.pruned_ if weights[task]]
        if returned:
            self.model.set_loss_weights(dict.fromkeys(returned, 0.0))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at the cosines of the epoch."""
        logs = logs or {}
        weights = self.model.loss_weights
        self._check_logs(logs, weights)
        if epoch < self.start_from_epoch:
            return
        for task, weight in weights.items():
            cosine = float(logs.get(f"{task}_cosine", math.nan))
            if weight == 0 or math.isnan(cosine):
                continue
            row = [*self._opposed.get(task, []), (epoch, cosine)] if cosine < self.threshold else []
            self._opposed[task] = row
            if len(row) >= self.patience:
                self._prune(task, row)

    def _prune(self, task: str, row: list[tuple[int, float]]) -> None:
        self.model.set_loss_weights({task: 0.0})
        epochs, cosines = zip(*row, strict=True)
        self.pruned_[task] = epochs[-1]
        if self.verbose:
            when = ", ".join(str(epoch + 1) for epoch in epochs)
            print(
                f"\nEpoch {epochs[-1] + 1}: PruneOpposed sets the weight of {task!r} to 0: its gradient opposed that "
                f"of the main task in epoch{'s' * (len(row) > 1)} {when} (mean cosine {sum(cosines) / len(row):+.3f}, "
                f"threshold {self.threshold:+g})."
            )

    def _check_logs(self, logs: Mapping[str, Any], tasks: Mapping[str, float]) -> None:
        if not self._checked and not any(f"{task}_cosine" in logs for task in tasks):
            raise InvalidInputError(
                f"`callbacks`: PruneOpposed reads the cosine of each task's gradient with the main one, such as "
                f"'{next(iter(tasks))}_cosine', and the logs hold only {', '.join(map(repr, logs)) or 'nothing'}. "
                'Attach heads with weighting="monitor", which only measures the cosines, or with one of those that '
                'work on gradients: "cosine_gate", "projection" or "gradnorm".'
            )
        self._checked = True


def model_with_heads(callback: str, model: object) -> AuxModel:
    if not isinstance(model, AuxModel):
        raise InvalidTypeError(
            f"`callbacks`: {callback} works on an AuxModel, as attach_heads returns it; the model in training is "
            f"of type {type(model).__name__}. Attach heads first, or leave the callback out."
        )
    return model


__all__ = ["BaseCheckpoint", "PruneOpposed"]
