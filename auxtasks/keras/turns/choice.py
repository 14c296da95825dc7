"""The task of a step, as tensors: a function of the schedule, the seed and the steps that were made alone."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from auxtasks.keras.turns.schedule import Schedule


def choose(schedule: Schedule, step: Any, seed: int, ratio: Any, turns: Any, *, present: Any, trained: Any) -> Any:
    """Return the number of the task that a step trains.

    A batch with labels of one task alone trains this task, whichever's turn it is. Otherwise the turns go round among
    the tasks that have both labels in the batch and a positive weight.

    Parameters
    ----------
    schedule : Schedule
        The schedule.
    step : tensor of int64, shape ()
        How many steps there were before.
    seed : int
        Seeds the draws of ``"proportional"``.
    ratio : tensor of float, shape (number of tasks,)
        How many steps in a row are a task's turn, or how often it is drawn.
    turns : tensor of int64, shape (number of tasks,)
        What `counted` keeps, of which ``"alternating"`` takes the order.
    present : tensor of bool, shape (number of tasks,)
        Which tasks have labels in the batch.
    trained : tensor of bool, shape (number of tasks,)
        Which tasks have a positive weight.

    Returns
    -------
    tensor of int32, shape ()
        The number of tasks where no task can be trained.

    Notes
    -----
    For ``"alternating"`` it is the first of the tasks with the fewest whole rounds, of turns // ratio, behind it. While
    the same tasks can be trained, this goes round in their order; a task that had no label when its turn came has it
    as soon as it has one. For ``"proportional"``, with r the ratio of the tasks that can be trained, 0 for the others,
    and c its running sum, it is the first with c > u sum(r), where u from [0, 1) is made of 32 bits of the Philox
    generator for the key (seed, step).

    Examples
    --------
    >>> schedule = Schedule.of({"alternating": {"ratio": {"main": 2}}}, ["main", "fft"])
    >>> ratio, both, seen = tf.constant([2.0, 1.0]), tf.constant([True, True]), []
    >>> turns = tf.constant([0, 0], tf.int64)
    >>> for step in range(6):
    ...     seen.append(int(choose(schedule, tf.constant(step), 0, ratio, turns, present=both, trained=both)))
    ...     turns = counted(turns, ratio, seen[-1])
    >>> seen
    [0, 0, 1, 0, 0, 1]
    """
    usable = tf.logical_and(present, trained)
    n_tasks = len(schedule.tasks)
    if schedule.kind == "callable":
        turn = _by_function(schedule, step)
    elif schedule.kind == "alternating":
        in_order = tf.logical_and(usable, ratio > 0)
        rounds = tf.where(in_order, _rounds(turns, ratio), tf.int64.max)
        turn = tf.where(tf.reduce_any(in_order), tf.argmin(rounds, output_type=tf.int32), n_tasks)
    else:
        bounds = tf.cumsum(tf.where(usable, tf.cast(ratio, tf.float64), 0.0))
        turn = tf.reduce_sum(tf.cast(bounds <= bounds[-1] * _share(seed, step), tf.int32))
    alone = tf.reduce_sum(tf.cast(present, tf.int32)) == 1
    turn = tf.where(alone, tf.argmax(tf.cast(present, tf.int32), output_type=tf.int32), turn)
    # The last entry stands for no task.
    return tf.where(tf.gather(tf.concat([usable, [False]], axis=0), turn), turn, n_tasks)


def counted(turns: Any, ratio: Any, turn: Any) -> Any:
    """Return the numbers of turns after another one.

    Parameters
    ----------
    turns : tensor of int64, shape (number of tasks,)
        The numbers before.
    ratio : tensor of float, shape (number of tasks,)
        Whole numbers: how many steps in a row are a task's turn.
    turn : tensor of int32, shape ()
        The task that was trained, or the number of tasks if none was.

    Returns
    -------
    tensor of int64, shape (number of tasks,)
        A task that was more than a round behind the trained one is counted as one round behind it. After long without
        a label or a weight it so makes up for two rounds at most, and does not keep the others waiting for long.
    """
    chosen = tf.range(turns.shape[0]) == turn
    # A task of ratio 0 is trained only where it is alone, and makes no rounds.
    rounds = tf.where(tf.logical_and(chosen, ratio > 0), _rounds(turns, ratio), 0)
    behind = tf.reduce_max(rounds) - 1
    return tf.maximum(turns + tf.cast(chosen, tf.int64), behind * tf.cast(ratio, tf.int64))


def _rounds(turns: Any, ratio: Any) -> Any:
    return turns // tf.maximum(tf.cast(ratio, tf.int64), 1)


def _share(seed: int, step: Any) -> Any:
    """Draw whole numbers, which are the same under XLA as without; floats are not."""
    key = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
    bits = tf.random.stateless_uniform((), key, minval=None, maxval=None, dtype=tf.uint32, alg="philox")
    return tf.cast(bits, tf.float64) / 2.0**32


def _by_function(schedule: Schedule, step: Any) -> Any:
    if tf.executing_eagerly():
        return tf.constant(schedule.number_of(int(step)), tf.int32)
    turn = tf.py_function(lambda step: schedule.number_of(int(step)), [step], tf.int32)
    turn.set_shape(())
    return turn
