"""Which data set each batch comes from, and which of its samples it holds."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from auxtasks.errors import InvalidInputError
from auxtasks.keras.composition import Indices
from auxtasks.keras.turns.schedule import Schedule

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

    Raises
    ------
    InvalidInputError
        If the batches of an epoch are neither given nor known, or no task with samples has a turn.
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
                "`steps_per_epoch`: how many batches make one pass over the main samples is not known where there are "
                "none, where they have no turn, or where a function decides; pass the number of batches."
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
