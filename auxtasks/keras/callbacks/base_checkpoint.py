"""`BaseCheckpoint`: the base model on disk, without heads, while it is trained with them."""

from __future__ import annotations

from os import PathLike
from typing import Any, Literal

import keras

from auxtasks.keras.callbacks.access import model_with_heads
from auxtasks.keras.model import AuxModel


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
        The quantity that tells the best model. Keras's default, ``"val_loss"``, would count the auxiliary losses in
        wherever the validation data holds auxiliary targets.
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
    ValueError
        From Keras, if `filepath` ends otherwise.

    Notes
    -----
    ``val_main_loss`` is not in the logs where the validation data holds no auxiliary targets, because ``val_loss`` is
    the same number there; the callback takes that one then, and likewise ``loss`` for ``main_loss``. The base is saved
    compiled only if it was compiled itself.

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

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Save if it is time."""
        super().on_train_batch_end(batch, _with_main_loss(logs))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save if it is time."""
        super().on_epoch_end(epoch, _with_main_loss(logs))


class _SavedAsBase:
    """A model that is saved as its base and is itself in everything else."""

    def __init__(self, model: AuxModel) -> None:
        self._model = model
        self.save = model.base.save
        self.save_weights = model.base.save_weights

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _with_main_loss(logs: dict[str, Any] | None) -> dict[str, Any]:
    logs = logs or {}
    known = {f"{part}main_loss": logs[f"{part}loss"] for part in ("", "val_") if f"{part}loss" in logs}
    return {**known, **logs}
