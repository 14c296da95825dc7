"""What heads predict, and what it costs: the losses and metrics of the tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
from keras import ops

from auxtasks.backend import ON_TENSORFLOW
from auxtasks.batches.forms import AuxBatch
from auxtasks.keras.heads import Head
from auxtasks.keras.layers import Event, recording
from auxtasks.keras.losses import (
    LOSSES,
    Adapted,
    Entries,
    Rebalanced,
    TaskLoss,
    Total,
    activated,
    loss_of,
    losses_of_vectors,
    serialised,
)
from auxtasks.keras.metrics import KnownMean, TaskMeans, TaskMetrics
from auxtasks.keras.plan import Plan
from auxtasks.keras.private import run
from auxtasks.keras.taught import loss_of_output
from auxtasks.specs import STEP_KINDS, TargetSpec


class Scores:
    """The losses of the tasks over their chance, the means of these and of the main loss, and metrics.

    A plain object: what Keras must track and save is an attribute of the model, too.
    """

    def __init__(
        self,
        plan: Plan,
        heads: Sequence[Head],
        losses: Mapping[str, TaskLoss],
        metrics: Mapping[str, Sequence[keras.metrics.Metric]],
    ) -> None:
        self._plan, self._heads = plan, heads
        self._of_tasks = dict(losses)
        self.main = KnownMean(name="main_loss")
        self.tasks = TaskMeans(list(plan.specs))
        self.metrics = None
        if metrics:
            self.metrics = TaskMetrics([plan.specs[name] for name in metrics], list(metrics.values()))

    @property
    def rebalanced(self) -> list[Rebalanced]:
        return [loss for loss in self._of_tasks.values() if isinstance(loss, Rebalanced)]

    def log(self, names: Iterable[str]) -> None:
        """Say which tasks the batch holds; the logs leave others out."""
        for each in (self.tasks, self.metrics):
            if each is not None:
                each.in_step = frozenset(names)

    def totals(
        self,
        batch: AuxBatch,
        events: Sequence[Event],
        outputs: Mapping[str, Any],
        main_losses: Mapping[str, Any],
        *,
        training: bool,
    ) -> tuple[dict[str, Total], Total]:
        """Return the loss over chance of every task and these side by side, shape (K,), and update the metrics."""
        specs = self._plan.specs
        entries = {name: _entries(specs[name], loss, training) for name, loss in self._of_tasks.items()}
        found: dict[str, Total] = {}
        kept: dict[str, tuple[Any, Any]] = {}
        for head in self._heads:
            held = [spec for spec in head.specs if spec.name in batch.targets]
            if held:
                event = self._plan.event_of(held[0].name, events)
                found |= _of_head(head, held, event, batch, entries, None if self.metrics is None else kept)
        for name in (name for name, spec in specs.items() if spec.is_taught and name in batch.targets):
            output = specs[name].options["output"]
            loss = main_losses.get(output)
            if loss is not None:
                weight = batch.weights.get(name)
                found[name] = loss_of_output(specs[name], batch.targets[name], outputs[output], loss, weight)
        if self.metrics is not None:
            self.metrics.update_state(batch.targets, kept)
        totals = {name: found.get(name, Total(0.0, 0.0)) for name in specs}
        totals = {name: Total(total.loss / specs[name].baseline_loss, total.count) for name, total in totals.items()}
        joined = Total(*(ops.stack(parts) for parts in zip(*totals.values(), strict=True)))
        self.tasks.update_state(ops.stop_gradient(joined.loss), joined.count)
        return totals, joined

    def loss_over_present(self, factor: Any, weights: Any, added: Any) -> Any:
        """Return the loss put together from the means over what was present."""
        main = ops.divide_no_nan(self.main.total, self.main.count)
        tasks = ops.divide_no_nan(self.tasks.total, self.tasks.count)
        return factor * main + ops.sum(weights * tasks) + added

    def to_config(self) -> dict[str, Any]:
        """Return the arguments that make the same losses and metrics; nothing for those of the kinds."""
        metrics = {} if self.metrics is None else self.metrics.by_task
        config = {
            "losses": {name: serialised(loss) for name, loss in self._of_tasks.items()},
            "metrics": {name: list(map(keras.saving.serialize_keras_object, some)) for name, some in metrics.items()},
        }
        return {part: found for part, found in config.items() if found}

    @staticmethod
    def from_config(config: Mapping[str, Any], specs: Mapping[str, TargetSpec], custom_objects: Any) -> dict[str, Any]:
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


def _of_head(
    head: Head,
    specs: list[TargetSpec],
    event: Event,
    batch: AuxBatch,
    losses: Mapping[str, Entries],
    kept: dict[str, tuple[Any, Any]] | None,
) -> dict[str, Total]:
    """Return the totals of one head; whole vectors side by side are one expression."""
    targets, weights, mask = batch.targets, batch.weights, event.mask
    alike = len(specs) == len(head.specs) > 1 and all(spec.kind == "vector" for spec in specs)
    if alike and kept is None and not any(spec.name in weights or spec.name in losses for spec in specs):
        joined = ops.concatenate([ops.cast(targets[spec.name], "float32") for spec in specs], axis=-1)
        total = losses_of_vectors([spec.size for spec in specs], joined, head(event.output, step_mask=mask))
        pairs = zip(ops.unstack(total.loss, len(specs)), ops.unstack(total.count, len(specs)), strict=True)
        return {spec.name: Total(*pair) for spec, pair in zip(specs, pairs, strict=True)}
    outputs = head.predict_from(event.output, mask)
    if kept is not None:
        kept |= {spec.name: (outputs[spec.name], mask) for spec in specs}
    return {
        spec.name: loss_of(
            spec, targets[spec.name], outputs[spec.name], mask, weights.get(spec.name), losses.get(spec.name)
        )
        for spec in specs
    }


class AuxiliaryPredictor(keras.Model):
    """A view of an `AuxModel` that returns what its heads predict."""

    def __init__(self, model: Any) -> None:
        super().__init__(name=f"{model.name}_auxiliary", dtype=model.dtype_policy, autocast=model.autocast)
        self.model = model
        self.built = True

    def call(self, inputs: Any) -> dict[str, Any]:
        """Return the prediction of each target: numbers as trained, or probabilities."""
        specs, plan = self.model.specs, self.model._plan
        with recording(self.model.tapped_layers) as events:
            run(self.model, inputs, training=False)
        linear: dict[str, Any] = {}
        for head in self.model.heads:
            event = plan.event_of(head.specs[0].name, events)
            linear |= head.predict_from(event.output, event.mask)
        return {name: _padded(spec, activated(spec, linear[name])) for name, spec in specs.items() if name in linear}


def _padded(spec: TargetSpec, output: Any) -> Any:
    """Bring predictions per step to the target's length: the texts of another batch may be longer or shorter."""
    if spec.kind not in STEP_KINDS or output.shape[1] == spec.shape[0]:
        return output
    length = spec.shape[0]
    output = output[:, :length]
    if ON_TENSORFLOW:
        import tensorflow as tf

        padding = [[0, 0], [0, length - tf.shape(output)[1]], [0, 0]]
        padded = tf.pad(output, padding, constant_values=tf.constant(float("nan"), output.dtype))
        return tf.ensure_shape(padded, (None, length, spec.size))
    return ops.pad(output, [[0, 0], [0, length - output.shape[1]], [0, 0]], constant_values=float("nan"))
