"""The part of `AuxModel` that weighs the losses; with the weighting ``"fixed"`` it does nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from auxtasks.keras.gradients.step import gradient_step
from auxtasks.keras.gradients.trunk import over_replicas
from auxtasks.keras.objective import stacked
from auxtasks.keras.steps import Stepping
from auxtasks.keras.tracking import FactorMeans, TaskMeans
from auxtasks.keras.weighting.base import Factors, State, Weighting, combined
from auxtasks.keras.weighting.conflicts import GradientWeighting


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
