"""What is known of each task in the logs: its loss, its weight, the cosine of its gradient with the main one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops


class KnownMean(keras.metrics.Mean):
    """A mean that is NaN, not 0, while it has no value."""

    def result(self) -> Any:
        """Return the mean so far."""
        return ops.where(self.count > 0, super().result(), float("nan"))


class TaskMeans(keras.metrics.Metric):
    """Mean of one number a task since the last reset, under ``<task>_<what>``.

    A task that the data does not hold is left out of the logs, and a task that had no value at all is NaN: an
    unknown loss is never reported as 0.

    Parameters
    ----------
    names : sequence of str
        The tasks.
    what : str, default "loss"
        What the numbers are.
    """

    def __init__(self, names: Sequence[str], what: str = "loss") -> None:
        super().__init__(name=f"task_{what}", dtype="float32")
        self.names = tuple(names)
        self.what = what
        self.total = self.add_variable((len(self.names),), keras.initializers.Zeros(), name="total")
        self.count = self.add_variable((len(self.names),), keras.initializers.Zeros(), name="count")
        self.in_step: frozenset[str] = frozenset()

    def update_state(self, total: Any, count: Any) -> None:
        """Add the sums and counts of one batch, each of shape (number of tasks,)."""
        self.total.assign_add(total)
        self.count.assign_add(count)

    def result(self) -> dict[str, Any]:
        """Return the means by log name."""
        mean = ops.where(self.count > 0, ops.divide_no_nan(self.total, self.count), float("nan"))
        means = ops.unstack(mean, len(self.names))
        return {f"{self.names[index]}_{self.what}": means[index] for index in self.seen()}

    def seen(self) -> list[int]:
        """Return the tasks, by number, that the data holds."""
        if tf.executing_eagerly():
            found: list[int] = ops.convert_to_numpy(self.count > 0).nonzero()[0].tolist()
            return found
        # While a step is traced, what the data holds is known and the counts are not.
        return [index for index, name in enumerate(self.names) if name in self.in_step]
