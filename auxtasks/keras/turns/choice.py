"""The task of a step, as tensors: a function of the schedule, the seed and the number of the step alone."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from auxtasks.keras.turns.schedule import Schedule


def choose(schedule: Schedule, step: Any, seed: int, ratio: Any, present: Any, trained: Any) -> Any:
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
    With r the ratio of the tasks that can be trained, 0 for the others, and c its running sum, the task is the first
    with c > t: for ``"alternating"`` t is the remainder of the step on division by sum(r), for ``"proportional"`` it is
    sum(r) times a number from [0, 1): 32 bits of the Philox generator for the key (seed, step).

    Examples
    --------
    >>> schedule = Schedule.of({"alternating": {"ratio": {"main": 2}}}, ["main", "fft"])
    >>> ratio, both = tf.constant([2.0, 1.0]), tf.constant([True, True])
    >>> [int(choose(schedule, tf.constant(step), 0, ratio, both, both)) for step in range(6)]
    [0, 0, 1, 0, 0, 1]
    """
    usable = tf.logical_and(present, trained)
    n_tasks = len(schedule.tasks)
    if schedule.kind == "callable":
        turn = _by_function(schedule, step)
    else:
        bounds = tf.cumsum(tf.where(usable, tf.cast(ratio, tf.float64), 0.0))
        total = bounds[-1]
        if schedule.kind == "alternating":
            place = tf.math.floormod(tf.cast(step, tf.float64), tf.maximum(total, 1.0))
        else:
            place = total * _share(seed, step)
        turn = tf.reduce_sum(tf.cast(bounds <= place, tf.int32))
    alone = tf.reduce_sum(tf.cast(present, tf.int32)) == 1
    turn = tf.where(alone, tf.argmax(tf.cast(present, tf.int32), output_type=tf.int32), turn)
    # The last entry stands for no task.
    return tf.where(tf.gather(tf.concat([usable, [False]], axis=0), turn), turn, n_tasks)


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
