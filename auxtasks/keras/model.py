"""`AuxModel`: a model with auxiliary heads, trained by plain ``fit``."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from auxtasks.keras.fitting import Fitting
from auxtasks.keras.heads import Head, Shape, plan_heads
from auxtasks.keras.labels import mean_weights, update_metrics, without_missing
from auxtasks.keras.losses import Total, loss_of, losses_of_vectors
from auxtasks.keras.packing import AuxBatch
from auxtasks.keras.plan import Plan
from auxtasks.keras.recording import Event, recording
from auxtasks.keras.tracking import TaskLosses
from auxtasks.specs import TargetSpec


class _Step(threading.local):
    """What the step that is running in this thread works on."""

    batch: AuxBatch | None = None
    events: list[Event] = []  # noqa: RUF012 - replaced, never changed


@keras.saving.register_keras_serializable("auxtasks")
class AuxModel(Fitting, keras.Model):
    """A Keras model with heads for auxiliary targets; made by `attach_heads`.

    Calling it returns the outputs of the base model alone, so that ``predict``, ``evaluate`` with plain labels,
    ``class_weight``, callbacks and export work as on the base. In training, the loss of each task over its chance,
    times its weight, is added to the main loss.

    Parameters
    ----------
    base : keras.Model
        The model; it is not changed.
    specs : mapping of str to TargetSpec
        The auxiliary targets.
    taps : mapping of str to (path, call, shape)
        For each target, the layer that its head reads, which call of it, and the shape of its output without batch.
    weights : mapping of str to float
        The loss weight of each task.
    seed : int
        Seeds the heads.
    name : str, optional
        The model's name.
    """

    def __init__(
        self,
        base: keras.Model,
        specs: Mapping[str, TargetSpec],
        taps: Mapping[str, tuple[str, int, Shape]],
        weights: Mapping[str, float],
        seed: int,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name or f"aux_{base.name}")
        self.base = base
        self.heads = _build_heads(specs, taps, seed)
        self._seed = seed
        self._plan = Plan.make(base, specs, taps)
        self._step = _Step()
        self._main_loss = keras.metrics.Mean(name="main_loss")
        self._task_losses = TaskLosses(list(specs))
        self._loss_weights = self.add_weight(
            name="loss_weights", shape=(len(specs),), initializer="zeros", trainable=False, dtype="float32"
        )
        self.set_loss_weights(weights)
        self.built = True

    @property
    def specs(self) -> dict[str, TargetSpec]:
        """The auxiliary targets by name."""
        return dict(self._plan.specs)

    @property
    def taps(self) -> dict[str, str]:
        """The path of the layer that each task's head reads."""
        return {task: point.path for task, point in self._plan.taps.items()}

    @property
    def loss_weights(self) -> dict[str, float]:
        """The loss weight of each task; `set_loss_weights` changes them."""
        return dict(zip(self.specs, ops.convert_to_numpy(self._loss_weights).tolist(), strict=True))

    def set_loss_weights(self, weights: Mapping[str, float]) -> None:
        """Change loss weights; takes effect at once, without compiling again.

        Parameters
        ----------
        weights : mapping of str to float
            New weights, non-negative; tasks left out keep theirs.
        """
        current = ops.convert_to_numpy(self._loss_weights).copy()
        for index, name in enumerate(self.specs):
            current[index] = weights.get(name, current[index])
        self._loss_weights.assign(current)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the outputs of the base model."""
        if isinstance(inputs, AuxBatch):
            inputs = inputs.inputs
        if self.base._call_has_training_arg:
            return self.base(inputs, training=training)
        return self.base(inputs)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on one batch."""
        return self._run_step(super().train_step, data, training=True)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Evaluate one batch; auxiliary losses are reported for the targets it holds."""
        return self._run_step(super().test_step, data, training=False)

    def predict_step(self, data: Any) -> Any:
        """Predict one batch; auxiliary targets in it are ignored."""
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return super().predict_step((x.inputs if isinstance(x, AuxBatch) else x,))

    def _run_step(self, step: Any, data: Any, training: bool) -> dict[str, Any]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        batch, y, sample_weight = self._packer(required=training).pack(x, y, sample_weight)
        outer = self._step.batch, self._step.events
        with recording(self._plan.layers.values()) as events:
            self._step.batch, self._step.events = batch, events
            try:
                # The heads' targets stay out of `call`, which would cast them to the compute dtype.
                logs: dict[str, Any] = step((batch.inputs, y, sample_weight))
                return logs
            finally:
                self._step.batch, self._step.events = outer

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the main loss over the labels present plus the weighted losses of the auxiliary tasks."""
        batch = self._step.batch
        n_labels = ops.shape(keras.tree.flatten(y_pred)[0])[0]
        if batch is not None and self._has_missing() and y is not None:
            n_labels = ops.sum(ops.cast(batch.labelled, "int32"))
            y, sample_weight = without_missing(y, y_pred, sample_weight, mean_weights)
        main = super().compute_loss(x, y, y_pred, sample_weight, training)
        # Keras divides losses by the number of replicas, because it sums their gradients.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        self._main_loss.update_state(ops.stop_gradient(main) * replicas, n_labels)
        self._task_losses.in_step = frozenset(batch.targets if batch else ())
        if batch is None or not batch.targets:
            return main
        return main + ops.cast(self._auxiliary_loss(batch) / replicas, main.dtype)

    def _auxiliary_loss(self, batch: AuxBatch) -> Any:
        """Return the weighted sum of the losses over chance."""
        totals = self._totals(batch)
        absent = Total(0.0, 0.0)
        loss = ops.stack([totals.get(name, absent).loss for name in self.specs])
        count = ops.stack([totals.get(name, absent).count for name in self.specs])
        chance = np.array([spec.chance for spec in self.specs.values()], dtype="float32")
        relative = loss / chance
        self._task_losses.update_state(ops.stop_gradient(relative), count)
        return ops.sum(ops.convert_to_tensor(self._loss_weights) * ops.divide_no_nan(relative, count))

    def _totals(self, batch: AuxBatch) -> dict[str, Total]:
        """Return sum and count of the loss of each task that the batch holds."""
        found: dict[str, Total] = {}
        for head in self.heads:
            specs = [spec for spec in head.specs if spec.name in batch.targets]
            if specs:
                event = self._plan.event_of(specs[0].name, self._step.events)
                found |= _head_losses(head, specs, event, batch)
        return found

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the compiled metrics with the labels present, and return all metrics."""
        if not self._has_missing() or y is None or self._compile_metrics is None:
            logs: dict[str, Any] = super().compute_metrics(x, y, y_pred, sample_weight)
            return logs
        update_metrics(self._compile_metrics, y, y_pred, sample_weight)
        return dict(self.get_metrics_result())

    def _has_missing(self) -> bool:
        return self._step.batch is not None and not isinstance(self._step.batch.labelled, tuple)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs; the base must be serialisable itself."""
        return {
            "name": self.name,
            "base": keras.saving.serialize_keras_object(self.base),
            **self._plan.to_config(),
            "weights": self.loss_weights,
            "seed": self._seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> AuxModel:
        """Make the model that `get_config` described."""
        base = keras.saving.deserialize_keras_object(config["base"], custom_objects=custom_objects)
        specs = {name: TargetSpec.from_dict(spec) for name, spec in config["specs"].items()}
        return cls(**{**config, "base": base, "specs": specs})


def _build_heads(specs: Mapping[str, TargetSpec], taps: Mapping[str, tuple[str, int, Shape]], seed: int) -> list[Head]:
    keys = {task: (f"{path}#{call}", tuple(shape)) for task, (path, call, shape) in taps.items()}
    heads = []
    for index, (_, shape, family, together) in enumerate(plan_heads(specs, keys)):
        head = family(together, seed=seed + 10 * index, name=f"aux_head_{index}")
        head.build((None, *shape))
        heads.append(head)
    return heads


def _head_losses(head: Head, specs: list[TargetSpec], event: Event, batch: AuxBatch) -> dict[str, Total]:
    """Return the losses of one head; whole vectors side by side are one expression."""
    vectors = [spec for spec in head.specs if spec.kind == "vector"]
    if len(specs) == len(vectors) == len(head.specs) > 1 and not batch.weights:
        joined = ops.concatenate([ops.cast(batch.targets[spec.name], "float32") for spec in vectors], axis=-1)
        total = losses_of_vectors([spec.size for spec in vectors], joined, head(event.output, step_mask=event.mask))
        losses, counts = ops.unstack(total.loss, len(vectors)), ops.unstack(total.count, len(vectors))
        return {spec.name: Total(*pair) for spec, *pair in zip(vectors, losses, counts, strict=True)}
    outputs = head.predict_from(event.output, event.mask)
    return {
        spec.name: loss_of(spec, batch.targets[spec.name], outputs[spec.name], event.mask, batch.weights.get(spec.name))
        for spec in specs
    }
