"""Which epoch batches are of: as many as the steps a model has made fill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from auxtasks.keras.turns.batches import TaskBatches


class EpochOf(keras.callbacks.Callback):
    """Sets the epoch of batches as each epoch of training begins.

    Keras counts the epochs of a data set from the beginning of each ``fit``, and calls its ``on_epoch_end`` once before
    the first.

    Parameters
    ----------
    batches : TaskBatches
        What is trained on.
    steps_done : callable
        Returns how many steps the model has made, in earlier runs too.
    """

    def __init__(self, batches: TaskBatches, steps_done: Callable[[], int]) -> None:
        super().__init__()
        self._batches, self._steps_done = batches, steps_done

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Turn to the epoch that comes now."""
        del epoch, logs
        self._batches.go_to(self._steps_done() // len(self._batches))

    def added_to(self, callbacks: Any) -> Any:
        """Return callbacks, in a form that ``fit`` takes, with this one last."""
        if isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks.append(self)
            return callbacks
        return [*keras.tree.flatten(callbacks if callbacks is not None else []), self]
