"""What the tasks of a batch cost, and their metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
from keras import ops

from auxtasks.batches.composition import AUTO, UNCOUNTED, Weight, checked_weights
from auxtasks.batches.forms import AuxBatch
from auxtasks.keras.heads import Head
from auxtasks.keras.loss_names import TaskLoss
from auxtasks.keras.losses import LOSSES, Adapted, Entries, Rebalanced, Total, serialised
from auxtasks.keras.metrics import TaskMetrics
from auxtasks.keras.objective import TaskMeans, totals_by_task
from auxtasks.keras.plan import Plan
from auxtasks.keras.supervision import with_default
from auxtasks.specs import TargetSpec


class LossWeights(keras.Model):
    """The part of `AuxModel` that knows what each loss counts."""

    _plan: Plan
    _loss_weights: keras.Variable
    _automatic: tuple[str, ...] = ()

    def _add_loss_weights(self, weights: Mapping[str, Weight]) -> None:
        self._loss_weights = self.add_weight(
            name="loss_weights", shape=(len(weights),), initializer="zeros", trainable=False, dtype="float32"
        )
        self.set_loss_weights(weights)

    @property
    def loss_weights(self) -> dict[str, float]:
        """The loss weight of each task, automatic ones as the last `fit` set them; `set_loss_weights` changes them."""
        # By way of text, which is the shortest that names a float32: 0.1 and not 0.10000000149011612.
        weights = [float(str(weight)) for weight in ops.convert_to_numpy(self._loss_weights)]
        return dict(zip(self._plan.specs, weights, strict=True))

    def set_loss_weights(self, weights: Weight | Mapping[str, Weight]) -> None:
        """Change loss weights; takes effect at once, without compiling again.

        Parameters
        ----------
        weights : float, "auto" or mapping of str to these
            The weight of all tasks, or new weights by name; tasks left out keep theirs. ``"auto"`` leaves it to the
            next `fit`, and is 0.3 for a target of deep supervision; see `attach_heads`.

        Raises
        ------
        UnknownNameError
            If there is no such task.
        InvalidTypeError, InvalidInputError
            If a weight is no number, negative or not finite.
        """
        found = with_default(checked_weights(weights, self._asked_weights()), self._plan.specs)
        self._automatic = tuple(task for task, weight in found.items() if weight == AUTO)
        self._assign_weights(found, UNCOUNTED)

    def _asked_weights(self) -> dict[str, Weight]:
        return {task: AUTO if task in self._automatic else weight for task, weight in self.loss_weights.items()}

    def _set_automatic_weights(self, weight: float) -> None:
        """Give the tasks of which the weight was left to the data this one."""
        if self._automatic:
            self._assign_weights(self._asked_weights(), weight)

    def _assign_weights(self, asked: Mapping[str, Weight], automatic: float) -> None:
        specs = self._plan.specs
        self._loss_weights.assign(
            [automatic * specs[task].share if weight == AUTO else weight for task, weight in asked.items()]
        )


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
