"""One step that trains one task."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from auxtasks.keras.objective import stacked
from auxtasks.keras.turns.choice import choose, counted
from auxtasks.keras.turns.optimizers import follow_learning_rate
from auxtasks.keras.turns.statistics import Statistics
from auxtasks.keras.turns.weights import turn_weights


def turn_step(model: Any, data: Any) -> dict[str, Any]:
    """Train the task whose turn it is on one batch, inside a running step.

    The losses of all tasks are computed and logged, as in joint training; one of them is trained.

    Parameters
    ----------
    model : AuxModel
        With a schedule other than ``"joint"``.
    data : tuple of x, y, sample_weight
        The main part of the batch; the targets are in the model's current step.

    Returns
    -------
    dict of str to tensor
        The logs.
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
