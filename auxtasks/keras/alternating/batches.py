"""Batches from several data sets in turn, each with the labels of one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from auxtasks.batches.composition import Indices
from auxtasks.batches.forms import AuxBatch, PackedDataset, as_arrays, read_rows
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated
from auxtasks.keras.alternating import Asked, Schedule
from auxtasks.keras.supervision import is_supervised
from auxtasks.labels import MAIN, absent_labels, absent_targets, present_rows, with_sign
from auxtasks.specs import TargetSpec
from auxtasks.validation import check_choice, check_int


class TaskBatches(keras.utils.PyDataset):
    """Batches of tasks that have data sets of their own, of any sizes, as a Keras `PyDataset`.

    Each batch comes from one data set and holds the labels of its task alone; all others are missing. A model trained
    in turns trains exactly this task on it; one trained jointly does too, since what is missing adds nothing.

    Parameters
    ----------
    data : mapping of str to (inputs, labels)
        The samples of ``"main"`` and of the auxiliary tasks, or of some of these; ``"main"`` may be left out for a
        model compiled without a loss only. Arrays are indexed batch by batch, so memory maps stay on disk. For a hinge
        loss the labels of ``"main"`` must be floats, since -1 is a class.
    targets : AuxTargets, AuxTargetGenerator, AuxModel or mapping of str to TargetSpec
        What tells how the labels of each task look.
    batch_size : int, default 32
        Samples in a batch. Where a data set has fewer left, its next round begins in the same batch.
    schedule : str, mapping or callable, default "alternating"
        As for `attach_heads`: whose turn each batch is. ``"proportional"`` draws by the sizes of the data sets.
    steps_per_epoch : int, optional
        Batches in an epoch; by default as many as one pass over the main samples takes (on average, where tasks are
        drawn). The other data sets go on where the last epoch left off.
    seed : int, default 0
        Batches are the same for the same seed and epoch. In ``fit`` of a model with heads, the epoch follows from the
        steps the model has made, so that a resumed run goes on with the batches it would have had.
    **kwargs
        ``workers``, ``use_multiprocessing`` and ``max_queue_size`` of `keras.utils.PyDataset`.

    Raises
    ------
    UnknownNameError
        If there is no such task or schedule.
    InvalidTypeError, InvalidInputError
        If a data set is no pair, empty, or of other inputs than the first; if inputs and labels differ in length; if
        the batches of an epoch are not known.

    Examples
    --------
    >>> import numpy as np
    >>> from auxtasks.specs import TargetSpec
    >>> specs = {"width": TargetSpec("width", "given", "vector", (1,))}
    >>> data = {"main": (np.zeros((4, 2)), np.array([0, 1, 1, 0])), "width": (np.ones((9, 2)), np.ones((9, 1)))}
    >>> batches = TaskBatches(data, specs, batch_size=2)
    >>> len(batches)
    4
    >>> x, y = batches[1]
    >>> y["main"].tolist(), y["width"].tolist()
    ([-1, -1], [[1.0], [1.0]])
    """

    def __init__(
        self,
        data: Mapping[str, tuple[Any, Any]],
        targets: Any,
        batch_size: int = 32,
        schedule: Asked = "alternating",
        steps_per_epoch: int | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._specs = _specs_of(targets)
        names = (MAIN, *self._specs)
        self._inputs, self._labels = _checked_sets(data, names)
        self.sizes = {task: len(keras.tree.flatten(x)[0]) for task, x in self._inputs.items()}
        # Batches go round a small set again and again.
        self._n_rows = check_int("batch_size", batch_size, low=1, high=max(2**16, *self.sizes.values()))
        steps = None if steps_per_epoch is None else check_int("steps_per_epoch", steps_per_epoch, low=1, high=10**7)
        plan = Schedule.of(schedule, names)
        if plan.kind == "joint":
            raise InvalidInputError("`schedule` must not be 'joint' here: each batch is of one task.")
        sizes = [self.sizes.get(task, 0) for task in names]
        self._order = Order(plan, sizes, self._n_rows, steps, check_int("seed", seed, low=0))
        self._names = names
        self.go_to(0)

    def go_to(self, epoch: int) -> None:
        """Turn to the batches of an epoch, counted from 0."""
        self._epoch, self._batches = epoch, self._order.epoch(epoch)

    def __len__(self) -> int:
        return self._order.n_batches

    def __getitem__(self, index: int) -> tuple[Any, dict[str, Any]]:
        number, turn = (int(each[index]) for each in self._batches)
        task = self._names[number]
        if task not in self._inputs:
            raise InvalidInputError(f"`schedule` chose {task!r}, but `data` holds no samples of it.")
        rows = self._order.rows(number, turn)
        x = keras.tree.map_structure(lambda array: np.asarray(array[rows]), self._inputs[task])
        y = {name: absent_targets(spec, self._n_rows) for name, spec in self._specs.items()}
        if MAIN in self._labels:
            y |= _named(keras.tree.map_structure(lambda array: absent_labels(array, self._n_rows), self._labels[MAIN]))
        found = keras.tree.map_structure(lambda array: np.asarray(array[rows]), self._labels[task])
        if task == MAIN:
            return x, y | _named(keras.tree.map_structure(with_sign, found))
        return x, y | {task: found.astype(y[task].dtype)}

    def check_main(self, *, needed: bool, negative: bool) -> None:
        """Refuse main labels that are needed and not there, or that cannot say "missing" in batches of other tasks."""
        labels = self._labels
        if needed and MAIN not in labels:
            raise InvalidInputError(
                f"`data` of TaskBatches holds no {MAIN!r}, but the model was compiled with a loss and needs to know "
                f"the form of its labels; found {list(labels)}. Add 'main': (inputs, labels), or compile with "
                "loss=None."
            )
        dtypes = [part.dtype.name for part in keras.tree.flatten(labels.get(MAIN, ())) if part.dtype.kind != "f"]
        if negative and dtypes and len(labels) > 1:
            raise InvalidInputError(
                f"`data` of TaskBatches: the labels of {MAIN!r} must be floats for a hinge loss: -1 is a class there, "
                f"and only NaN can mark missing labels; found {', '.join(dtypes)}. Pass labels.astype('float32')."
            )

    def on_epoch_end(self) -> None:
        """Go on to the next epoch."""
        self.go_to(self._epoch + 1)


def _named(main: Any) -> dict[str, Any]:
    return dict(main) if isinstance(main, Mapping) else {MAIN: main}


def _specs_of(targets: Any) -> dict[str, TargetSpec]:
    specs = getattr(targets, "specs", getattr(targets, "specs_", targets))
    if not isinstance(specs, Mapping) or not all(isinstance(spec, TargetSpec) for spec in specs.values()):
        raise InvalidTypeError(
            "`targets` must be AuxTargets, a fitted generator, a model with heads or a mapping of names to TargetSpec; "
            f"got {type(targets).__name__}."
        )
    # Early heads for the main label take it from the main samples.
    return {name: spec for name, spec in specs.items() if not is_supervised(spec)}


def _checked_sets(data: Any, names: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check data sets, and bring lists and texts among them into arrays."""
    if not isinstance(data, Mapping) or not data:
        raise InvalidTypeError(f"`data` must map names of tasks to (inputs, labels); got {abbreviated(data)}.")
    inputs, labels, like = {}, {}, None
    for task, pair in data.items():
        check_choice("data", task, names, "task")
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InvalidTypeError(f"`data`: {task!r} must be (inputs, labels); got a {type(pair).__name__}.")
        inputs[task] = read_rows("data", pair[0])
        labels[task] = read_rows("data", as_arrays(pair[1]))
        lengths = [len(part) for part in keras.tree.flatten((inputs[task], labels[task]))]
        if len(set(lengths)) != 1 or not lengths[0]:
            raise InvalidInputError(f"`data`: {task!r} needs as many labels as inputs, at least 1; found {lengths}.")
        form = [(part.dtype, tuple(part.shape[1:])) for part in keras.tree.flatten(inputs[task])]
        like = like or (task, form)
        if form != like[1]:
            raise InvalidInputError(
                f"`data`: the inputs of {task!r} must have dtypes and shapes {like[1]}, as those of {like[0]!r} have; "
                f"found {form}."
            )
    return inputs, labels


Numbers = NDArray[np.int64]


class Order:
    """Batches of several data sets in turn, the same for the same seed and epoch.

    The first task of the schedule is the main one, and `sizes` are the numbers of samples of all. With None for
    `steps_per_epoch` an epoch is one pass over the samples of the main task.
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


def label_counts(x: Any, tasks: Sequence[str]) -> list[int] | None:
    if isinstance(x, PackedDataset) and isinstance(x.source, TaskBatches):
        return [x.source.sizes.get(task, 0) for task in tasks]
    if not isinstance(x, AuxBatch):
        return None
    main, n = x.counts
    # What the data does not hold is computed for every sample.
    held = [x.targets.get(task) for task in tasks[1:]]
    return [main, *(n if target is None else int(np.sum(present_rows(target))) for target in held)]
