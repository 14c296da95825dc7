"""What the tasks of a batch cost, and their metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import keras

from auxtasks.keras.forms import AuxBatch
from auxtasks.keras.heads import Head
from auxtasks.keras.loss_weights import LossWeights
from auxtasks.keras.losses import LOSSES, Entries, Total
from auxtasks.keras.objective import totals_by_task
from auxtasks.keras.plan import Plan
from auxtasks.keras.task_losses.adapted import Adapted, serialised
from auxtasks.keras.task_losses.rebalanced import Rebalanced
from auxtasks.keras.task_losses.resolve import TaskLoss
from auxtasks.keras.task_metrics import TaskMetrics
from auxtasks.keras.tracking import TaskMeans
from auxtasks.specs import TargetSpec


class Scoring(LossWeights):
    """The part of `AuxModel` that knows the losses and metrics of its tasks."""

    heads: list[Head]
    _plan: Plan
    _step: Any
    _untracked: Any
    _task_losses: TaskMeans
    _task_metrics: TaskMetrics | None = None

    def _add_scores(
        self, losses: Mapping[str, TaskLoss], metrics: Mapping[str, Sequence[keras.metrics.Metric]]
    ) -> None:
        self._untracked.losses = dict(losses)
        weighed = [loss for loss in losses.values() if isinstance(loss, Rebalanced)]
        if weighed:  # their state is saved with the model
            self._rebalanced = weighed
        if metrics:
            self._task_metrics = TaskMetrics([self._plan.specs[name] for name in metrics], list(metrics.values()))

    def _log_tasks(self, names: Iterable[str]) -> None:
        """Say which tasks the batch holds; the logs leave others out."""
        self._task_losses.in_step = frozenset(names)
        if self._task_metrics is not None:
            self._task_metrics.in_step = self._task_losses.in_step

    def _totals(self, batch: AuxBatch, training: bool) -> dict[str, Total]:
        """Return the loss over chance of every task, and update the metrics of those that have some."""
        specs, losses = self._plan.specs, self._untracked.losses
        entries = {name: _entries(specs[name], loss, training) for name, loss in losses.items()}
        kept: dict[str, Any] = {}
        metrics = self._task_metrics
        totals = totals_by_task(
            self.heads, self._plan, self._step.events, batch, entries, None if metrics is None else kept
        )
        if metrics is not None:
            metrics.update_state(batch.targets, kept)
        return totals

    def _scores_config(self) -> dict[str, Any]:
        """Return the arguments that make the same losses and metrics; nothing for those of the kinds."""
        metrics = {} if self._task_metrics is None else self._task_metrics.by_task
        config = {
            "losses": {name: serialised(loss) for name, loss in self._untracked.losses.items()},
            "metrics": {name: list(map(keras.saving.serialize_keras_object, some)) for name, some in metrics.items()},
        }
        return {part: found for part, found in config.items() if found}

    @staticmethod
    def _scores_from_config(
        config: Mapping[str, Any], specs: Mapping[str, TargetSpec], custom_objects: Any
    ) -> dict[str, Any]:
        """Make the arguments that `_scores_config` described."""
        made = partial(keras.saving.deserialize_keras_object, custom_objects=custom_objects)
        losses = {name: made(loss) for name, loss in config.get("losses", {}).items()}
        metrics = {name: [made(each) for each in some] for name, some in config.get("metrics", {}).items()}
        weighed = {name: loss for name, loss in losses.items() if isinstance(loss, Rebalanced)}
        losses |= {name: loss.for_target(specs[name], loss.loss) for name, loss in weighed.items()}
        return {"losses": losses, "metrics": metrics}


def _entries(spec: TargetSpec, loss: TaskLoss, training: bool) -> Entries:
    inner = loss.loss if isinstance(loss, Rebalanced) else loss
    plain = LOSSES[spec.kind] if inner is None else Adapted(spec, inner)
    if not isinstance(loss, Rebalanced):
        return plain

    def weighted(target: Any, output: Any) -> tuple[Any, Any]:
        values, present = plain(target, output)
        return loss.weighted(target, values, present, training=training), present

    return weighted
