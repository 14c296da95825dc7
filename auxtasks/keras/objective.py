"""The auxiliary part of the objective: the losses of all heads on one batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from auxtasks.batches.forms import AuxBatch
from auxtasks.keras.heads import Head
from auxtasks.keras.losses import Entries, Total, loss_of, losses_of_vectors
from auxtasks.keras.plan import Plan
from auxtasks.keras.recording import Event
from auxtasks.specs import TargetSpec


def totals_by_task(
    heads: Iterable[Head],
    plan: Plan,
    events: Sequence[Event],
    batch: AuxBatch,
    losses: Mapping[str, Entries],
    kept: dict[str, tuple[Any, Any]] | None = None,
) -> dict[str, Total]:
    """Return the loss over chance of every task on a batch."""
    found: dict[str, Total] = {}
    for head in heads:
        specs = [spec for spec in head.specs if spec.name in batch.targets]
        if specs:
            found |= _totals(head, specs, plan.event_of(specs[0].name, events), batch, losses, kept)
    totals = ((spec, found.get(name, Total(0.0, 0.0))) for name, spec in plan.specs.items())
    return {spec.name: Total(total.loss / spec.chance, total.count) for spec, total in totals}


def stacked(totals: Mapping[str, Total]) -> Total:
    """Return the sums and counts of all tasks, each of shape (number of tasks,)."""
    return Total(*(ops.stack(parts) for parts in zip(*totals.values(), strict=True)))


def _totals(
    head: Head,
    specs: list[TargetSpec],
    event: Event,
    batch: AuxBatch,
    losses: Mapping[str, Entries],
    kept: dict[str, tuple[Any, Any]] | None,
) -> dict[str, Total]:
    """Return the totals of one head; whole vectors side by side are one expression."""
    alike = len(specs) == len(head.specs) > 1 and all(spec.kind == "vector" for spec in specs)
    if alike and kept is None and not any(spec.name in batch.weights or spec.name in losses for spec in specs):
        joined = ops.concatenate([ops.cast(batch.targets[spec.name], "float32") for spec in specs], axis=-1)
        total = losses_of_vectors([spec.size for spec in specs], joined, head(event.output, step_mask=event.mask))
        losses, counts = ops.unstack(total.loss, len(specs)), ops.unstack(total.count, len(specs))
        return {spec.name: Total(*pair) for spec, *pair in zip(specs, losses, counts, strict=True)}
    outputs = head.predict_from(event.output, event.mask)
    if kept is not None:
        kept |= {spec.name: (outputs[spec.name], event.mask) for spec in specs}
    targets, weights, mask = batch.targets, batch.weights, event.mask
    return {
        name: loss_of(spec, targets[name], outputs[name], mask, weights.get(name), losses.get(name))
        for name, spec in ((spec.name, spec) for spec in specs)
    }


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
