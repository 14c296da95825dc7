"""The part of `AuxModel` that trains tasks in turn; with the schedule ``"joint"`` it does nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from auxtasks.errors import InvalidInputError
from auxtasks.keras.forms import PackedDataset
from auxtasks.keras.outputs import MAIN
from auxtasks.keras.plan import Plan
from auxtasks.keras.turns.batches import TaskBatches
from auxtasks.keras.turns.counts import label_counts
from auxtasks.keras.turns.epochs import EpochOf
from auxtasks.keras.turns.optimizers import clone
from auxtasks.keras.turns.schedule import Asked, Schedule
from auxtasks.keras.turns.step import turn_step
from auxtasks.keras.turns.weights import check_weightings
from auxtasks.keras.weighing import Weighing


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
