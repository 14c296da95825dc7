"""One step of training or evaluation: taps recorded, missing labels left out, auxiliary losses added."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from auxtasks.keras.forms import AuxBatch
from auxtasks.keras.masking import (
    count_labelled,
    like_outputs,
    mean_weights,
    metric_weights,
    update_metrics,
    without_missing,
)
from auxtasks.keras.objective import stacked
from auxtasks.keras.on_the_fly import OnTheFly
from auxtasks.keras.packing import Packer
from auxtasks.keras.recording import Event, recording
from auxtasks.keras.scoring import Scoring
from auxtasks.keras.tracking import KnownMean, TaskMeans


class CurrentStep(threading.local):
    """What the step that is running in this thread works on."""

    batch: AuxBatch | None = None
    events: list[Event] = []  # noqa: RUF012 - replaced, never changed
    parts: Any = None


class Stepping(Scoring):
    """The part of `AuxModel` that runs one batch."""

    _packer: Callable[..., Packer]
    _step: CurrentStep
    _on_the_fly: OnTheFly
    _main_loss: KnownMean
    _task_losses: TaskMeans
    _compile_metrics: Any
    _loss_tracker: Any
    _compile_loss: Any
    loss: Any

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
        batch = self._on_the_fly.completed(batch) if training else batch
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
        main, _ = self._main_part(x, y, y_pred, sample_weight, training)
        batch = self._step.batch
        self._log_tasks(batch.targets if batch else ())
        if batch is None or not batch.targets:
            return main
        # Keras divides losses by the number of replicas, because it sums their gradients.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return main + ops.cast(self._auxiliary_loss(batch, training) / replicas, main.dtype)

    def _main_part(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> tuple[Any, Any]:
        """Return the main loss and the number of labels present."""
        batch = self._step.batch
        n_labels = ops.shape(keras.tree.flatten(y_pred)[0])[0]
        if batch is not None and self._has_missing() and y is not None:
            y, sample_weight = (like_outputs(part, y_pred, self.output_names) for part in (y, sample_weight))
            n_labels = count_labelled(y, y_pred)
            y, sample_weight = without_missing(y, y_pred, sample_weight, self._weigh)
        elif isinstance(sample_weight, Mapping):
            # Keras brings labels by name into the order of a list of outputs, and not their weights.
            sample_weight = like_outputs(sample_weight, y_pred, self.output_names)
        if self._compile_loss is None and not self.losses:
            main = ops.zeros(())  # the auxiliary targets alone are trained
        else:
            main = super().compute_loss(x, y, y_pred, sample_weight, training)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        self._main_loss.update_state(ops.stop_gradient(main) * replicas, n_labels)
        return main, n_labels

    def _auxiliary_loss(self, batch: AuxBatch, training: bool) -> Any:
        """Return the weighted sum of the losses over chance."""
        totals = stacked(self._totals(batch, training))
        self._task_losses.update_state(ops.stop_gradient(totals.loss), totals.count)
        return ops.sum(ops.convert_to_tensor(self._loss_weights) * ops.divide_no_nan(*totals))

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the compiled metrics with the labels present, and return all metrics."""
        if not self._has_missing() or y is None or self._compile_metrics is None:
            logs: dict[str, Any] = super().compute_metrics(x, y, y_pred, sample_weight)
            return logs
        y, sample_weight = (like_outputs(part, y_pred, self.output_names) for part in (y, sample_weight))
        update_metrics(self._compile_metrics, y, y_pred, sample_weight)
        return dict(self.get_metrics_result())

    def get_metrics_result(self) -> dict[str, Any]:
        """Return all metrics; those of the main output are NaN while no label was seen.

        Without auxiliary targets the logs are those of the base. Keras's own ``loss`` is the mean over batches, which
        counts a batch without labels as 0; where labels are missing it is put together from the means over what is
        present instead.
        """
        logs: dict[str, Any] = super().get_metrics_result()
        if not self._task_losses.seen():
            del logs["main_loss"]
        if self._loss_tracker is not None:
            partial = self._main_loss.count < self._loss_tracker.count
            logs["loss"] = ops.where(partial, self._loss_over_present(), logs["loss"])
        compiled = self._compile_metrics
        if compiled is not None and compiled.built and self._loss_tracker is not None:
            unknown = ops.logical_and(self._loss_tracker.count > 0, self._main_loss.count == 0)
            for name in compiled.result():
                logs[name] = keras.tree.map_structure(lambda value: ops.where(unknown, float("nan"), value), logs[name])
        # Up to Keras 3.13 callers expect plain numbers here; later they convert what they get.
        return {name: _plain(value) for name, value in logs.items()} if tf.executing_eagerly() else logs

    def _loss_over_present(self) -> Any:
        main = ops.divide_no_nan(self._main_loss.total, self._main_loss.count)
        tasks = ops.divide_no_nan(self._task_losses.total, self._task_losses.count)
        factor, weights, added = self._mean_factors()
        return factor * main + ops.sum(weights * tasks) + added

    def _mean_factors(self) -> tuple[Any, Any, Any]:
        """Return what the main loss and those of the tasks were multiplied by on average, and what was added."""
        return 1.0, ops.convert_to_tensor(self._loss_weights), 0.0

    @property
    def _weigh(self) -> Any:
        """How missing labels are weighed out of the compiled loss: a sum must not be scaled as a mean is."""
        reductions = {getattr(loss, "reduction", None) for loss in keras.tree.flatten(self.loss)}
        return metric_weights if reductions == {"sum"} else mean_weights

    def _trains_main(self) -> bool:
        """Whether there is anything but auxiliary losses."""
        return self._compile_loss is not None or bool(self.losses)

    def _has_missing(self) -> bool:
        return self._step.batch is not None and not isinstance(self._step.batch.labelled, tuple)


def _plain(value: Any) -> Any:
    """Return a number as a float; metrics per class stay arrays."""
    array = ops.convert_to_numpy(value)
    return float(array) if array.ndim == 0 else value
