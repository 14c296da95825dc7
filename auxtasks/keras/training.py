"""One step of training or evaluation: what it works on, and what Keras computes there over the labels present."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from auxtasks.backend import NAME, is_traced, n_replicas, without_gradients
from auxtasks.batches.forms import AuxBatch
from auxtasks.batches.planned import Epochs
from auxtasks.errors import InvalidInputError
from auxtasks.keras.alternating.batches import TaskBatches
from auxtasks.keras.layers import Event, recording
from auxtasks.keras.objective import Parts
from auxtasks.keras.outputs import count_labelled, like_outputs, mean_weights, metric_weights, without_missing
from auxtasks.keras.private import loss_tracker, metrics_container, run
from auxtasks.keras.tapes import Pullback, new_tape, sources_in
from auxtasks.keras.weighting.base import Weighting


class CurrentStep(threading.local):
    """What the step that is running in this thread works on."""

    batch: AuxBatch | None = None
    events: list[Event] = []  # noqa: RUF012 - replaced, never changed
    outputs: Mapping[str, Any] = {}
    parts: Parts | None = None

    @contextmanager
    def on(self, batch: AuxBatch, layers: Iterable[keras.Layer]) -> Iterator[None]:
        outer = self.batch, self.events, self.parts
        with recording(layers) as events:
            self.batch, self.events, self.parts = batch, events, None
            try:
                yield
            finally:
                self.batch, self.events, self.parts = outer

    @property
    def has_missing(self) -> bool:
        """Whether a main label may be missing in the batch."""
        return self.batch is not None and not isinstance(self.batch.labelled, tuple)


Trainer = Callable[[Any, Any, Parts], None]
"""Trains a model by what gives the gradients of a forward pass, by its loss and by the parts of this."""


def step_in_parts(model: Any, train: Trainer, *state_and_data: Any) -> Any:
    """Do what Keras does in a step, but for how the loss, and what it is put together of, is trained."""
    if NAME == "jax":
        return _step_on_jax(model, train, *state_and_data)
    (data,) = state_and_data
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    with new_tape(watches_variables=True) as tape:
        y_pred = run(model, x, training=True)
        loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)
    loss_tracker(model).update_state(
        ops.stop_gradient(loss) * n_replicas(), sample_weight=ops.shape(keras.tree.flatten(x)[0])[0]
    )
    _train_parts(model, train, tape, loss)
    return model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)


def _step_on_jax(model: Any, train: Trainer, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
    """Do the same on JAX, which differentiates functions where others record runs."""
    import jax

    trained, others, of_optimizer, of_metrics = state
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)

    def as_tensor(part: Any) -> Any:
        return None if part is None else ops.convert_to_tensor(part)

    def losses_of(values: Any) -> tuple[list[Any], Any]:
        model._step.events.clear()  # of another run of the same step
        _, (loss, y_pred, *updated) = model.compute_loss_and_updates(
            values, others, of_metrics, x, y, sample_weight, training=True, optimizer_variables=of_optimizer
        )
        parts = model._step.parts
        told = keras.tree.map_structure(as_tensor, parts._replace(main=None, losses=[]))
        return [loss, parts.main, *parts.losses], (y_pred, updated, told)

    # A variable that a loss does not depend on has no gradient, and not a gradient of 0.
    reached = sources_in(lambda values: losses_of(values)[0], trained)
    losses, pull, (y_pred, (others, of_metrics), told) = jax.vjp(losses_of, trained, has_aux=True)
    model._step.parts = told._replace(main=losses[1], losses=losses[2:])
    variables = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    values = (trained, others, of_optimizer, of_metrics)
    pairs = [pair for some in zip(variables, values, strict=True) for pair in zip(*some, strict=True)]
    with keras.StatelessScope(pairs) as scope:
        _train_parts(model, train, Pullback(pull, losses, trained, reached), losses[0])
        *updated, of_metrics = ([scope.get_current_value(each) for each in some] for some in variables)
    logs, of_metrics = model._update_metrics_variables(of_metrics, losses[0], x, y, y_pred, sample_weight)
    return logs, (*updated, of_metrics)


def _train_parts(model: Any, train: Trainer, tape: Any, loss: Any) -> None:
    """Train by the parts of a loss, and tell weightings that a step was made."""
    parts = model._step.parts
    with without_gradients():
        train(tape, loss, parts)
        model._objective.advance(parts.state)


def steps_of(x: Any) -> int | None:
    """Return how many batches an epoch of a data set has; None where that is not known."""
    if isinstance(x, keras.utils.PyDataset):
        n_batches: int | None = x.num_batches
        return n_batches
    try:
        return len(x)
    except TypeError:  # a generator, or a data set of unknown length or without an end
        return None


def check_step(model: Any) -> None:
    """Refuse what a training step of the user's own cannot do."""
    how = None
    if model.alternates:
        how = "`schedule`: tasks are trained in turn"
    elif model.weightings:
        how = f"`weighting`: {type(model.weightings[0]).__name__} weighs the tasks while the model trains,"
    elif model.agreement is not None:
        how = "`agreement`: changed copies are learned"
    if how:
        raise InvalidInputError(
            f"{how} only in fit, not in auxiliary_loss; attach the heads with schedule='joint', weighting='fixed' and "
            "agreement=None, and change weights with set_loss_weights."
        )
    taught = [name for name, spec in model.specs.items() if spec.is_taught]
    if taught and model.loss is None:
        raise InvalidInputError(
            f"`targets`: {taught[0]!r} is learned by the main output, with the loss given to compile; compile the "
            "model with heads as well, or attach it without soft labels."
        )


def main_loss(
    model: Any, compute_loss: Callable[..., Any], x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool
) -> tuple[Any, Any]:
    """Return the main loss, as Keras computes it over the labels present, and the number of these."""
    n_labels = ops.shape(keras.tree.flatten(y_pred)[0])[0]
    if model._step.has_missing and y is not None:
        y, sample_weight = (like_outputs(part, y_pred, model.output_names) for part in (y, sample_weight))
        n_labels = count_labelled(y, y_pred)
        # A sum must not be scaled as a mean is.
        reductions = {getattr(loss, "reduction", None) for loss in keras.tree.flatten(model.loss)}
        weigh = metric_weights if reductions == {"sum"} else mean_weights
        y, sample_weight = without_missing(y, y_pred, sample_weight, weigh)
    elif isinstance(sample_weight, Mapping):
        # Keras brings labels by name into the order of a list of outputs, and not their weights.
        sample_weight = like_outputs(sample_weight, y_pred, model.output_names)
    if y is not None and not model._trains_main:
        raise InvalidInputError(
            "`loss`: there are main labels but no loss for them: compile was given none, and the model adds none "
            "(add_loss), so only the heads would learn. Pass compile(..., loss=...). If the loss is in a custom "
            "training step, use that step, and add model.auxiliary_loss(x, targets) to its loss. To train on the "
            "auxiliary targets alone, pass dict(targets) as `y`."
        )
    # Without labels and a loss the auxiliary targets alone are trained.
    main = compute_loss(x, y, y_pred, sample_weight, training) if model._trains_main else ops.zeros(())
    model._main_loss.update_state(ops.stop_gradient(main) * n_replicas(), n_labels)
    return main, n_labels


def over_present(model: Any, logs: dict[str, Any]) -> dict[str, Any]:
    """Return logs in which all is over the labels present, and NaN where there were none.

    Without auxiliary targets the logs are those of the base. Keras's own ``loss`` is the mean over batches, which
    counts a batch without labels as 0; where labels are missing it is put together from the means over what is
    present instead.
    """
    main, tracked, compiled = model._main_loss, loss_tracker(model), metrics_container(model)
    agrees = model.agreement is not None and bool(model._agreement_means.losses.seen())
    if tracked is None or not (model._task_losses.seen() or agrees):
        del logs["main_loss"]
    if tracked is not None:
        present = model._scores.loss_over_present(*model._objective.mean_factors())
        logs["loss"] = ops.where(main.count < tracked.count, present, logs["loss"])
    if tracked is not None and compiled is not None and compiled.built:
        unknown = ops.logical_and(tracked.count > 0, main.count == 0)
        for name in compiled.result():
            logs[name] = keras.tree.map_structure(lambda value: ops.where(unknown, float("nan"), value), logs[name])
    # Up to Keras 3.13 callers expect plain numbers here; later they convert what they get.
    return logs if is_traced(main.count) else {name: _plain(value) for name, value in logs.items()}


def _plain(value: Any) -> Any:
    array = ops.convert_to_numpy(value)
    return float(array) if array.ndim == 0 else value


class EpochEvents(keras.callbacks.Callback):
    """Sets batches to the epoch that begins; at its end completes the logs and tells weightings its losses.

    It comes before other callbacks, which so see the main loss on the validation data and save what weightings know.

    Keras counts the epochs of a data set from the beginning of each ``fit``, and calls its ``on_epoch_end`` once before
    the first.
    """

    def __init__(
        self, weightings: Sequence[Weighting], batches: TaskBatches | Epochs | None, steps_done: Callable[[], int]
    ) -> None:
        super().__init__()
        self._weightings, self._batches, self._steps_done = list(weightings), batches, steps_done

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        del epoch, logs
        if self._batches is not None:
            self._batches.go_to(self._steps_done() // len(self._batches))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        del epoch
        logs = {} if logs is None else logs
        if self.model._trains_main and "val_loss" in logs:
            # Keras adds the auxiliary losses only where the data holds their targets, as `validation_split` does.
            main = logs.get("val_main_loss", logs["val_loss"])
            # NaN where the validation data has no main label: then the auxiliary tasks alone are trained.
            logs |= {"val_main_loss": main} | ({} if np.isnan(main) else {"val_loss": main})
        for weighting in self._weightings:
            losses = {task: float(logs.get(f"{task}_loss", np.nan)) for task in weighting.tasks}
            weighting.end_epoch({task: loss for task, loss in losses.items() if not np.isnan(loss)})

    def added_to(self, callbacks: Any) -> Any:
        """Return callbacks, in a form that ``fit`` takes, with this one first."""
        if isinstance(callbacks, keras.callbacks.CallbackList):
            # A list that is used again may hold that of an earlier call.
            callbacks.callbacks[:] = [
                self,
                *(each for each in callbacks.callbacks if not isinstance(each, EpochEvents)),
            ]
            self.set_model(callbacks.model)
            return callbacks
        return [self, *keras.tree.flatten(callbacks if callbacks is not None else [])]
