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


class FactorMeans(keras.metrics.Metric):
    """What losses were multiplied by and what was added to them, on average since the last reset; not in the logs.

    Parameters
    ----------
    n_tasks : int
        How many auxiliary tasks there are.
    """

    def __init__(self, n_tasks: int) -> None:
        super().__init__(name="factors", dtype="float32")
        self.total = self.add_variable((n_tasks + 2,), keras.initializers.Zeros(), name="total")
        self.count = self.add_variable((), keras.initializers.Zeros(), name="count")

    def update_state(self, main: Any, tasks: Any, added: Any) -> None:
        """Add what a batch had: two numbers, and one for each task between them."""
        ends = (ops.reshape(ops.cast(end, "float32"), (1,)) for end in (main, added))
        new = ops.concatenate([next(ends), tasks, next(ends)])
        known = ops.all(ops.isfinite(new))
        self.total.assign_add(ops.where(known, new, 0.0))
        self.count.assign_add(ops.cast(known, "float32"))

    def result(self) -> dict[str, Any]:
        """Return nothing: these are no results."""
        return {}

    def means(self) -> tuple[Any, Any, Any]:
        """Return the means in the order of `update_state`."""
        mean = ops.divide_no_nan(self.total, self.count)
        return mean[0], mean[1:-1], mean[-1]
