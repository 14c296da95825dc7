"""One step that trains one task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from auxtasks.errors import InvalidInputError
from auxtasks.keras.layers import walk
from auxtasks.keras.losses import Total
from auxtasks.keras.objective import stacked
from auxtasks.keras.turns.schedule import choose, counted
from auxtasks.keras.weighting.base import State, Weighting, combined
from auxtasks.keras.weighting.by_gradient import GradientWeighting


def turn_step(model: Any, data: Any) -> dict[str, Any]:
    """Train the task whose turn it is on one batch, inside a running step.

    The losses of all tasks are computed and logged, as in joint training; one of them is trained.
    """
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    statistics = Statistics(model.base)
    # Persistent, because each branch takes a gradient of its own; only one of them runs.
    with tf.GradientTape(persistent=True) as tape:
        y_pred = model(x, training=True)
        main, n_labels = model._main_part(x, y, y_pred, sample_weight, training=True)
        totals = model._totals(model._step.batch, training=True)
        of_main, of_tasks, state = turn_weights(model, main, totals)
        main, weights = main * ops.cast(of_main, main.dtype), ops.unstack(of_tasks, len(totals))
        auxiliary = [weight * ops.divide_no_nan(*total) for weight, total in zip(weights, totals.values(), strict=True)]
    model._log_tasks(totals)
    model._task_losses.update_state(*stacked(totals))
    loss = main + ops.cast(sum(auxiliary), main.dtype)
    model._loss_tracker.update_state(loss, sample_weight=ops.shape(keras.tree.flatten(x)[0])[0])
    counts = [ops.cast(n_labels, "float32"), *(ops.cast(total.count, "float32") for total in totals.values())]
    turn = choose(
        model._turns.schedule,
        model._turn_step.value,
        model._turns.seed,
        model._turn_ratio.value,
        model._turn_counts.value,
        present=ops.stack(counts) > 0,
        trained=ops.concatenate([ops.reshape(ops.logical_and(model._trains_main(), of_main > 0), (1,)), of_tasks > 0]),
    )
    branches = [
        partial(_train, tape, loss, optimizer, model.optimizer, variables, statistics)
        for loss, (optimizer, variables) in zip([main, *auxiliary], model._turn_parts(), strict=True)
    ]
    _run(turn, [*branches, partial(_nothing, statistics)])
    if model._turns.schedule.kind == "alternating":
        model._turn_counts.assign(counted(model._turn_counts.value, model._turn_ratio.value, turn))
    model._turn_step.assign_add(1)
    for weighting in model.weightings:
        weighting.advance(state)
    logs: dict[str, Any] = model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
    return logs


def _run(turn: Any, branches: list[Any]) -> None:
    if tf.executing_eagerly():
        branches[int(turn)]()
    else:
        tf.switch_case(turn, branches)


def _nothing(statistics: Statistics) -> Any:
    statistics.put_back(reached=())
    return tf.constant(0)


def _train(
    tape: tf.GradientTape, loss: Any, optimizer: Any, main_optimizer: Any, variables: list[Any], statistics: Statistics
) -> Any:
    """Apply the gradients of one loss; variables without one, weight decay and momentum included, are left alone."""
    scale = optimizer.scale_loss(ops.ones_like(loss))
    gradients = tape.gradient(loss, [variable.value for variable in variables], output_gradients=scale)
    reached = [pair for pair in zip(gradients, variables, strict=True) if pair[0] is not None]
    if reached:
        follow_learning_rate(optimizer, main_optimizer)
        optimizer.apply(*zip(*reached, strict=True))
    statistics.put_back(reached=[variable for _, variable in reached])
    return tf.constant(0)


class _Held(NamedTuple):
    """A variable that no gradient trains, its value, and the trainable variables of its layer."""

    variable: Any
    value: Any
    of_layer: frozenset[int]


class Statistics:
    """The values of what is not trained, in the layers of a model that have something trainable too.

    Others are left out: frozen layers change nothing, and nothing tells who reaches a layer that trains nothing.

    Parameters
    ----------
    base : keras.Model
        Before its forward pass.
    """

    def __init__(self, base: keras.Model) -> None:
        self._held: list[_Held] = []
        for _, layer in walk(base):
            of_layer = frozenset(id(variable) for variable in layer.trainable_variables)
            own = layer._non_trainable_variables if of_layer else []
            self._held += [_Held(variable, tf.identity(variable.value), of_layer) for variable in own]

    def put_back(self, reached: Sequence[Any]) -> None:
        """Give layers of which no variable was reached the values they had."""
        known = {id(variable) for variable in reached}
        for variable, value, of_layer in self._held:
            if not of_layer & known:
                variable.assign(value)


class TurnWeights(NamedTuple):
    """The weight of the main loss, of shape (), those of the tasks, of shape (K,), and what weightings were told."""

    main: Any
    tasks: Any
    state: State | None = None


def check_weightings(weightings: Iterable[Weighting]) -> None:
    """Refuse weightings that need the losses of several tasks to be trained at once."""
    for weighting in weightings:
        if isinstance(weighting, GradientWeighting) or weighting.trainable_variables:
            raise InvalidInputError(
                f"`weighting`: {type(weighting).__name__} needs several tasks in a step and cannot go with a "
                "`schedule` that trains one; use schedule='joint', or a weighting that follows a plan or the losses."
            )


def turn_weights(model: Any, main: Any, totals: Mapping[str, Total]) -> TurnWeights:
    """Return the weights of a step of training, and note them for the logs."""
    tasks = ops.convert_to_tensor(model._loss_weights)
    if not model.weightings:
        return TurnWeights(ops.ones(()), tasks)
    sums = stacked(totals)
    state = State(
        ops.convert_to_tensor(model.weightings[0].steps),
        ops.stop_gradient(ops.cast(main, "float32")),
        ops.stop_gradient(ops.divide_no_nan(*sums)),
        ops.cast(sums.count > 0, "float32"),
    )
    factors = combined(model.weightings, state)
    if factors.tasks is not None:
        tasks = tasks * factors.tasks
    model._log_weights_of(totals)
    model._note_weights(tasks, None)
    return TurnWeights(ops.ones(()) if factors.main is None else ops.cast(factors.main, "float32"), tasks, state)


_EXCLUDED = ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern")
"""What `exclude_from_weight_decay` sets, which an optimizer's configuration lacks."""


def clone(optimizer: Any) -> Any:
    """Return a new optimizer with the same settings and no state."""
    inner = _inner(optimizer)
    if getattr(inner, "use_ema", False):
        raise InvalidInputError(
            "`optimizer` has use_ema=True, which cannot go with a schedule other than 'joint': each task has an "
            "optimizer of its own, and each would hold another average of the shared weights. Leave use_ema out."
        )
    new = type(optimizer).from_config(optimizer.get_config())
    for name in _EXCLUDED:
        if hasattr(inner, name):
            setattr(_inner(new), name, getattr(inner, name))
    return new


def follow_learning_rate(optimizer: Any, main: Any) -> None:
    """Give an optimizer the learning rate that the main one has now.

    Callbacks change the main optimizer's alone. A learning-rate schedule is left to count each task's own steps.
    """
    if optimizer is not main and isinstance(optimizer.learning_rate, keras.Variable):
        optimizer.learning_rate.assign(keras.ops.convert_to_tensor(main.learning_rate))


def _inner(optimizer: Any) -> Any:
    """Look through loss scaling."""
    return getattr(optimizer, "inner_optimizer", optimizer)
