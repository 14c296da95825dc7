"""Whose turn it is: what a user may say, checked and brought into one form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from auxtasks.backend import ON_TENSORFLOW
from auxtasks.batches.composition import Indices
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.validation import check_choice, check_int, check_keys, check_number

if ON_TENSORFLOW:
    import tensorflow as tf

Kind = Literal["joint", "alternating", "proportional", "callable"]
Asked = str | Mapping[str, Any] | Callable[[int], str]
"""A name, a name with options, or a function from the number of the step to the name of a task."""

NAMES = ("joint", "alternating", "proportional")


@dataclass(frozen=True)
class Schedule:
    """Which task each step trains.

    Parameters
    ----------
    kind : {"joint", "alternating", "proportional", "callable"}
        Whether all tasks are trained at once, in turn, at random, or as a function says.
    tasks : tuple of str
        The tasks in the order of their turns.
    ratio : tuple of float or None
        How many steps in a row are each task's turn, or how often it is drawn; None where the numbers of labelled
        samples are the ratio.
    choose : callable or None
        The function of kind ``"callable"``.
    """

    kind: Kind
    tasks: tuple[str, ...]
    ratio: tuple[float, ...] | None = None
    choose: Callable[[int], str] | None = None

    @classmethod
    def of(cls, asked: Asked, tasks: Sequence[str]) -> Schedule:
        """Check what was asked for."""
        tasks = tuple(tasks)
        if callable(asked):
            return cls("callable", tasks, choose=asked)
        kind, options = _split(asked)
        check_choice("schedule", kind, NAMES, "schedule")
        for option in options:
            if option != "ratio" or kind == "joint":
                raise unknown_name("schedule", option, [] if kind == "joint" else ["ratio"], f"option of {kind!r}")
        ratio = options.get("ratio")
        if ratio is None:
            return cls(kind, tasks, None if kind == "proportional" else (1,) * len(tasks))  # type: ignore[arg-type]
        return cls(kind, tasks, _checked_ratio(ratio, tasks, whole=kind == "alternating"))  # type: ignore[arg-type]

    def number_of(self, step: int) -> int:
        """Return the number of the task that the function chooses for a step."""
        name = self.choose(step) if self.choose else None
        what = f"task (returned by the function for step {step})"
        return self.tasks.index(check_choice("schedule", name, self.tasks, what))

    def to_config(self) -> Any:
        """Return the schedule as plain JSON types; a function must be registered with Keras."""
        if self.choose is not None:
            return {"callable": keras.saving.serialize_keras_object(self.choose)}
        if self.kind == "joint" or self.ratio is None:
            return self.kind
        return {self.kind: {"ratio": dict(zip(self.tasks, self.ratio, strict=True))}}

    @staticmethod
    def from_config(config: Any, custom_objects: Any = None) -> Asked:
        """Return what `of` takes, from what `to_config` returned."""
        if isinstance(config, Mapping) and "callable" in config:
            function: Callable[[int], str] = keras.saving.deserialize_keras_object(
                config["callable"], custom_objects=custom_objects
            )
            return function
        asked: Asked = config
        return asked


def _split(asked: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(asked, str):
        return asked, {}
    if isinstance(asked, Mapping) and len(asked) == 1:
        ((kind, options),) = asked.items()
        if isinstance(options, Mapping):
            return kind, options
    raise InvalidTypeError(
        "`schedule` must be a name, a name with options such as {'alternating': {'ratio': {'main': 2}}}, or a function "
        f"from the number of a step to the name of a task; got {abbreviated(asked)} of type {type(asked).__name__}."
    )


def _checked_ratio(ratio: Any, tasks: tuple[str, ...], *, whole: bool) -> tuple[float, ...]:
    given = check_keys("ratio", ratio, tasks, "task")
    check: Callable[..., float] = check_int if whole else check_number
    checked = tuple(check(f"ratio[{task!r}]", given.get(task, 1), low=0) for task in tasks)
    if not any(checked):
        raise InvalidInputError(f"`ratio` must be positive for at least one task; got {abbreviated(given)}.")
    return checked


def choose(schedule: Schedule, step: Any, seed: int, ratio: Any, turns: Any, *, present: Any, trained: Any) -> Any:
    """Return the number of the task that a step trains.

    A batch with labels of one task alone trains this task, whichever's turn it is. Otherwise the turns go round among
    the tasks that have both labels in the batch and a positive weight.

    For ``"alternating"`` it is the first of the tasks with the fewest whole rounds, of turns // ratio, behind it. While
    the same tasks can be trained, this goes round in their order; a task that had no label when its turn came has it
    as soon as it has one. For ``"proportional"``, with r the ratio of the tasks that can be trained, 0 for the others,
    and c its running sum, it is the first with c > u sum(r), where u from [0, 1) is made of 32 bits of the Philox
    generator for the key (seed, step).
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
    """Return the numbers of turns after another one."""
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


Numbers = NDArray[np.int64]


class Order:
    """Batches of several data sets in turn, the same for the same seed and epoch.

    Parameters
    ----------
    schedule : Schedule
        Whose turn each batch is; its first task is the main one.
    sizes : sequence of int
        The number of samples of each task.
    batch_size : int
        Samples in a batch.
    steps_per_epoch : int or None
        Batches in an epoch; None for one pass over the samples of the main task.
    seed : int
        Seeds the draws and the shuffling.
    """

    def __init__(
        self, schedule: Schedule, sizes: Sequence[int], batch_size: int, steps_per_epoch: int | None, seed: int
    ) -> None:
        self._schedule, self._sizes, self._batch_size, self._seed = schedule, sizes, batch_size, seed
        ratio = np.asarray(schedule.ratio or sizes, dtype="float64")
        self._ratio = np.where(np.asarray(sizes) > 0, ratio, 0.0)
        if not self._ratio.any():
            raise InvalidInputError("`schedule` gives no turn to any task that `data` holds samples of.")
        self.n_batches = steps_per_epoch or self._one_pass()
        self._permutations: dict[tuple[int, int], Indices] = {}
        self._tasks: Numbers = np.empty(0, "int64")

    def _one_pass(self) -> int:
        main_batches = ceil(self._sizes[0] / self._batch_size)
        if self._schedule.kind == "callable" or not self._ratio[0]:
            raise InvalidInputError(
                "`steps_per_epoch`: the number of batches in one pass over the main samples is unknown if there are "
                "none, if they have no turn, or if a function decides; pass the number of batches."
            )
        if self._schedule.kind == "alternating":
            return int(np.ceil(main_batches / self._ratio[0]) * self._ratio.sum())
        return int(np.ceil(main_batches * self._ratio.sum() / self._ratio[0]))

    def epoch(self, number: int) -> tuple[Numbers, Numbers]:
        """Return the task of each batch of an epoch, and how many batches of this task came before it."""
        start, stop = number * self.n_batches, (number + 1) * self.n_batches
        while len(self._tasks) < stop:
            self._tasks = np.concatenate([self._tasks, self._drawn(len(self._tasks) // self.n_batches)])
        before = np.bincount(self._tasks[:start], minlength=len(self._sizes))
        tasks = self._tasks[start:stop]
        turns = np.empty_like(tasks)
        for task, earlier in enumerate(before):
            of_task = tasks == task
            turns[of_task] = earlier + np.arange(of_task.sum())
        return tasks, turns

    def _drawn(self, number: int) -> Numbers:
        steps = range(number * self.n_batches, (number + 1) * self.n_batches)
        if self._schedule.kind == "callable":
            return np.array([self._schedule.number_of(step) for step in steps], "int64")
        if self._schedule.kind == "alternating":
            round_of = np.repeat(np.arange(len(self._ratio)), self._ratio.astype("int64"))
            return np.asarray(round_of[np.asarray(steps) % len(round_of)], "int64")
        rng = np.random.default_rng([self._seed, number])
        return rng.choice(len(self._ratio), size=len(steps), p=self._ratio / self._ratio.sum())

    def rows(self, task: int, turn: int) -> Indices:
        """Return the samples of a task's batch: every sample once in random order, then all again in another."""
        size, start, stop = self._sizes[task], turn * self._batch_size, (turn + 1) * self._batch_size
        first, last = start // size, (stop - 1) // size
        rounds = np.concatenate([self._permutation(task, number) for number in range(first, last + 1)])
        return rounds[start - first * size : stop - first * size]

    def _permutation(self, task: int, number: int) -> Indices:
        known = self._permutations
        if (task, number) not in known:
            for old in [key for key in list(known) if key[0] == task and key[1] < number - 1]:
                known.pop(old, None)
            # The constant keeps the shuffling apart from the draws of the tasks.
            known[task, number] = np.random.default_rng([self._seed, 1, task, number]).permutation(self._sizes[task])
        return known[task, number]
