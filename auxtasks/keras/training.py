"""One step of training or evaluation: taps recorded, missing labels left out, auxiliary losses added."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from auxtasks.batches.forms import AuxBatch, PackedDataset
from auxtasks.errors import InvalidInputError
from auxtasks.keras.gradient_products import over_replicas
from auxtasks.keras.gradients import gradient_step
from auxtasks.keras.masking import (
    count_labelled,
    like_outputs,
    mean_weights,
    metric_weights,
    update_metrics,
    without_missing,
)
from auxtasks.keras.objective import FactorMeans, KnownMean, TaskMeans, stacked
from auxtasks.keras.on_the_fly import OnTheFly
from auxtasks.keras.outputs import MAIN
from auxtasks.keras.packing import Packer
from auxtasks.keras.plan import Plan
from auxtasks.keras.recording import Event, recording
from auxtasks.keras.scores import Scoring
from auxtasks.keras.turns.batches import EpochOf, TaskBatches, label_counts
from auxtasks.keras.turns.schedule import Asked, Schedule
from auxtasks.keras.turns.step import check_weightings, clone, turn_step
from auxtasks.keras.weighting.base import Factors, State, Weighting, combined
from auxtasks.keras.weighting.by_gradient import GradientWeighting


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


class Parts(NamedTuple):
    """The main loss and its factor, the loss of each task, the weights of these of shape (K,), and the state."""

    main: Any
    main_factor: Any
    losses: list[Any]
    weights: Any
    state: State


class Weighing(Stepping):
    """Multiplies losses by what the weightings say, and lets these look at gradients."""

    weightings: list[Weighting]
    _weight_means: TaskMeans
    _cosine_means: TaskMeans
    _factor_means: FactorMeans

    def _add_weightings(self, weightings: Sequence[Weighting], tasks: Sequence[str]) -> None:
        self.weightings = list(weightings)
        for weighting in self.weightings:
            weighting.setup(tasks)
        if self.weightings:
            self._weight_means = TaskMeans(tasks, "weight")
            self._factor_means = FactorMeans(len(tasks))
        if self._gradient_weighting is not None:
            self._cosine_means = TaskMeans(tasks, "cosine")

    @property
    def _gradient_weighting(self) -> GradientWeighting | None:
        return next((one for one in self.weightings if isinstance(one, GradientWeighting)), None)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Train on packed data, and tell the weightings of the end of each epoch."""
        if self.weightings:
            callbacks = EpochEnd(self.weightings).added_to(callbacks)
        return super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on one batch."""
        if not self.weightings:
            return super().train_step(data)
        if self._gradient_weighting is None:
            logs = super().train_step(data)
        else:
            logs = self._run_step(partial(gradient_step, self), data, training=True)
        state = self._step.parts.state
        self._step.parts = None
        for weighting in self.weightings:
            weighting.advance(state)
        return logs

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the main loss plus those of the tasks, as the weightings weigh them."""
        batch = self._step.batch
        if self.weightings:
            self._log_weights_of(self._plan.specs if training else ())
        if not self.weightings or batch is None or not batch.targets:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        main, n_labels = self._main_part(x, y, y_pred, sample_weight, training)
        by_task = self._totals(batch, training)
        totals = stacked(by_task)
        self._log_tasks(batch.targets)
        self._task_losses.update_state(ops.stop_gradient(totals.loss), totals.count)
        losses = ops.divide_no_nan(*totals)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        state = self._state(main, n_labels, losses, totals.count, replicas)
        factors = combined(self.weightings, state)
        weights = _product(ops.convert_to_tensor(self._loss_weights), factors.tasks)
        if training:
            if self._gradient_weighting is None:
                self._note_weights(weights, None)
            # One by one: through a stack each loss would seem to depend on what any of them does.
            alone = [ops.divide_no_nan(*total) / replicas for total in by_task.values()]
            self._step.parts = Parts(main, factors.main, alone, weights, state)
        added = self._added(factors)
        self._factor_means.update_state(*map(ops.stop_gradient, (_or_one(factors.main), weights, added)))
        auxiliary = ops.sum(weights * losses) + added
        return _product(main, factors.main) + ops.cast(auxiliary / replicas, main.dtype)

    def _state(self, main: Any, n_labels: Any, losses: Any, counts: Any, replicas: int) -> State:
        """Return what weightings are told: the same on every device, so that all come to the same weights."""
        main, losses = ops.stop_gradient(ops.cast(main, "float32")), ops.stop_gradient(losses)
        counted = ops.cast(counts, "float32"), ops.cast(n_labels, "float32")
        main, losses, counts, n_labels = over_replicas((main, losses, *counted))
        present, main_present = (ops.cast(count > 0, "float32") for count in (counts, n_labels))
        step = ops.convert_to_tensor(self.weightings[0].steps)
        return State(step, main, losses / replicas, present, main_present * float(self._trains_main()))

    def _log_weights_of(self, tasks: Iterable[str]) -> None:
        self._weight_means.in_step = frozenset(tasks)
        if self._gradient_weighting is not None:
            self._cosine_means.in_step = frozenset(tasks)

    def _added(self, factors: Factors) -> Any:
        added = ops.zeros(()) if factors.added_to_main is None else factors.added_to_main
        if factors.added_to_tasks is not None:
            added += ops.sum(ops.convert_to_tensor(self._loss_weights) * factors.added_to_tasks)
        return added

    def _note_weights(self, weights: Any, scales: Any) -> None:
        """Put weights into the logs, times how far the gradients of the tasks are let through."""
        weights = ops.stop_gradient(weights if scales is None else weights * scales)
        known = ops.isfinite(weights)
        self._weight_means.update_state(ops.where(known, weights, 0.0), ops.cast(known, "float32"))

    def _note_cosines(self, cosines: Any, state: State) -> None:
        """Put cosines into the logs, where they are known and the batch has labels."""
        known = ops.cast(ops.isfinite(cosines), "float32") * state.present * state.main_present
        self._cosine_means.update_state(ops.where(known > 0, cosines, 0.0), known)

    def _mean_factors(self) -> tuple[Any, Any, Any]:
        return self._factor_means.means() if self.weightings else super()._mean_factors()


def _or_one(factor: Any) -> Any:
    return ops.ones(()) if factor is None else factor


def _product(value: Any, factor: Any) -> Any:
    return value if factor is None else value * ops.cast(factor, value.dtype)


class EpochEnd(keras.callbacks.Callback):
    """Tells weightings the losses of an epoch, before other callbacks save the model.

    Parameters
    ----------
    weightings : sequence of Weighting
        What is told.
    """

    def __init__(self, weightings: Sequence[Weighting]) -> None:
        super().__init__()
        self._weightings = list(weightings)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Tell them."""
        del epoch
        for weighting in self._weightings:
            known = {task: logs[f"{task}_loss"] for task in weighting.tasks if f"{task}_loss" in (logs or {})}
            weighting.end_epoch({task: float(loss) for task, loss in known.items() if not np.isnan(loss)})

    def added_to(self, callbacks: Any) -> Any:
        """Return callbacks, in a form that ``fit`` takes, with this one first."""
        if isinstance(callbacks, keras.callbacks.CallbackList):
            # A list that is used again may hold that of an earlier call.
            callbacks.callbacks[:] = [self, *(each for each in callbacks.callbacks if not isinstance(each, EpochEnd))]
            self.set_model(callbacks._model)
            return callbacks
        return [self, *keras.tree.flatten(callbacks if callbacks is not None else [])]


@dataclass
class Turns:
    """What Keras need not track of the turns."""

    schedule: Schedule
    seed: int

    def to_config(self) -> dict[str, Any]:
        """Return the arguments that make the same turns, as plain JSON types; none for joint training."""
        return {} if self.schedule.kind == "joint" else {"schedule": self.schedule.to_config()}


class Turning(Weighing):
    """The part of `AuxModel` that knows whose turn it is."""

    base: keras.Model
    optimizer: Any
    _turns: Turns
    _turn_step: keras.Variable
    _turn_ratio: keras.Variable
    _turn_counts: keras.Variable
    _needs_main: bool
    _negative_labels: bool

    def _add_turns(self, asked: Asked, plan: Plan, seed: int) -> None:
        schedule = Schedule.of(asked, [MAIN, *plan.specs])
        self._turns = Turns(schedule, seed)
        self._task_optimizers: list[Any] = []
        if schedule.kind == "joint":
            return
        check_weightings(self.weightings)
        self._turn_step = self.add_weight(
            name="turn_step", shape=(), initializer="zeros", trainable=False, dtype="int64"
        )
        # Zeros until the labels have been counted.
        self._turn_ratio = self.add_weight(
            name="turn_ratio", shape=(len(schedule.tasks),), initializer="zeros", trainable=False, dtype="float32"
        )
        self._turn_counts = self.add_weight(
            name="turn_counts", shape=(len(schedule.tasks),), initializer="zeros", trainable=False, dtype="int64"
        )
        if schedule.ratio is not None:
            self._turn_ratio.assign(schedule.ratio)

    @property
    def in_turns(self) -> bool:
        """Whether each step trains one task only."""
        return self._turns.schedule.kind != "joint"

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, *args: Any, **kwargs: Any) -> None:
        """Configure training, with an optimizer for each task where they are trained in turn."""
        if self._turns.schedule.kind == "callable":
            if kwargs.get("jit_compile", "auto") not in ("auto", False):
                raise InvalidInputError(
                    "`jit_compile` cannot be True with a function as schedule, which runs in Python; leave it out."
                )
            kwargs["jit_compile"] = False
        super().compile(optimizer, loss, *args, **kwargs)
        self._task_optimizers = [clone(self.optimizer) for _ in self._plan.specs] if self.in_turns else []
        if self.in_turns and self.distribute_strategy.num_replicas_in_sync > 1:
            raise InvalidInputError(
                "`schedule`: tasks are trained in turn on one device only; got a strategy with "
                f"{self.distribute_strategy.num_replicas_in_sync} replicas. Use schedule='joint'."
            )

    def _build_optimizers(self) -> None:
        """Give each optimizer a state for the variables that its task trains, where it has none yet."""
        if not self.in_turns:
            self.optimizer.build(self.trainable_variables)
            return
        for optimizer, variables in self._turn_parts():
            if not optimizer.built:
                optimizer.build(variables)

    def _turn_parts(self) -> list[tuple[Any, list[Any]]]:
        """Return the optimizer and the trainable variables of each task, in the order of the schedule."""
        optimizers = [self.optimizer, *self._task_optimizers]
        return [
            (each, self._variables_of(task)) for task, each in zip(self._turns.schedule.tasks, optimizers, strict=True)
        ]

    def _variables_of(self, task: str) -> list[Any]:
        """Return what the loss of a task may depend on; what it does not has no gradient in a step."""
        of_head = [each for head in self.heads if head.specs[0].name == task for each in head.trainable_variables]
        return [*self.base.trainable_variables, *of_head]

    def _count_labels(self, x: Any) -> None:
        """Take the numbers of labelled samples for the ratio, where it was left to the data."""
        schedule = self._turns.schedule
        if schedule.kind == "proportional" and schedule.ratio is None:
            counts = label_counts(x, schedule.tasks)
            if counts is not None:
                self._turn_ratio.assign(counts)
            elif not keras.ops.convert_to_numpy(self._turn_ratio).any():
                raise InvalidInputError(
                    "`schedule`: how many samples of each task are labelled can be counted in arrays passed to fit "
                    "only; say it, as in schedule={'proportional': {'ratio': {'main': 1000, 'fft': 5000}}}."
                )

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        *,
        shuffle: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Train on packed data."""
        if self.in_turns:
            self._build_optimizers()
        if isinstance(x, PackedDataset) and isinstance(x.source, TaskBatches):
            x.source.check_main(needed=self._needs_main, negative=self._negative_labels)
            callbacks, shuffle = EpochOf(x.source, self._steps_done).added_to(callbacks), False
        return super().fit(x, y, batch_size, epochs, verbose, callbacks, shuffle=shuffle, **kwargs)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on one batch: all tasks, or the one whose turn it is."""
        if self.in_turns:
            return self._run_step(partial(turn_step, self), data, training=True)
        return super().train_step(data)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Train on one packed batch."""
        if self.in_turns:
            self._count_labels(None)  # one batch does not tell the numbers of labelled samples
            self._build_optimizers()
        return super().train_on_batch(*args, **kwargs)

    def _steps_done(self) -> int:
        return int(keras.ops.convert_to_numpy(self._turn_step if self.in_turns else self.optimizer.iterations))
