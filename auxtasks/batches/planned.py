"""Batches of arrays by plan: which samples each batch of each epoch holds, and the batches read by it.

`AuxTargets.to_tf_dataset` and `AuxTargets.to_py_dataset` return such batches, and `AuxModel.fit` composes them.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from auxtasks.backend import ON_TENSORFLOW
from auxtasks.batches.composition import UNCOUNTED, Composition, Indices, automatic_weight, compose
from auxtasks.batches.forms import AuxBatch, PackedDataset, as_arrays, read_rows
from auxtasks.errors import InvalidInputError
from auxtasks.labels import check_not_signed, present_rows
from auxtasks.validation import check_flag, check_int

if TYPE_CHECKING:
    import tensorflow as tf


class Plan(Protocol):
    """Which samples each batch of each epoch holds."""

    batch_size: int
    n_batches: int

    def epoch(self, number: int) -> Any:
        """Return the samples of each batch of an epoch; only the last batch may be smaller."""


class Ordered:
    """A plan of plain batches, which a seed shuffles anew for each epoch."""

    def __init__(self, n: int, batch_size: int, seed: int | None = None, drop_remainder: bool = False) -> None:
        self.batch_size = batch_size
        self.n_batches = n // batch_size if drop_remainder else ceil(n / batch_size)
        self._n = n
        self._seed = seed

    def epoch(self, number: int) -> list[Indices]:
        order = np.arange(self._n)
        if self._seed is not None:
            order = np.random.default_rng([self._seed, number]).permutation(self._n)
        starts = range(0, self.n_batches * self.batch_size, self.batch_size)
        return [order[start : start + self.batch_size] for start in starts]


class Given:
    """A plan of the same batches in every epoch: a row of numbers of samples for each."""

    def __init__(self, rows: NDArray[np.intp]) -> None:
        self.n_batches, self.batch_size = rows.shape
        self._rows = rows

    def epoch(self, number: int) -> NDArray[np.intp]:
        del number
        return self._rows


def n_batches(labelled: NDArray[np.bool_], batch_size: int, share: float | None) -> int:
    """Return how many batches an epoch has, composed or not; None as the share composes none."""
    plan = None if share is None else compose(labelled, batch_size, share, seed=0)
    return (plan or Ordered(len(labelled), batch_size)).n_batches


class Epochs:
    """The epochs of a plan, one after another, from the one that a run begins or goes on with."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self.first, self._next, self._begun = plan, 0, 0, False

    def __len__(self) -> int:
        return self._plan.n_batches

    def go_to(self, epoch: int) -> None:
        """Begin with an epoch; later calls change nothing, because batches of later epochs are read ahead."""
        if not self._begun:
            self.first, self._next, self._begun = epoch, epoch, True

    def __next__(self) -> Any:
        self._next += 1
        return self._plan.epoch(self._next - 1)


class PlannedBatches(keras.utils.PyDataset):
    """Batches of arrays by plan, indexed batch by batch, so that memory maps stay on disk.

    `counts` tells how many samples have a main label, and how many there are.
    """

    def __init__(self, data: Any, plan: Plan, counts: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.counts = counts
        self._data = data
        self._plan = plan
        self._epoch = 0
        self._rows = plan.epoch(0)

    def __len__(self) -> int:
        return self._plan.n_batches

    def __getitem__(self, index: int) -> Any:
        return _rows_of(self._data, self._rows[index])

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._rows = self._plan.epoch(self._epoch)

    def __getstate__(self) -> dict[str, Any]:
        """Send memory maps to other processes by the names of their files."""
        return {**self.__dict__, "_data": keras.tree.map_structure(_mapped, self._data)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        opened = [part() if isinstance(part, partial) else part for part in keras.tree.flatten(state["_data"])]
        self.__dict__.update(state, _data=keras.tree.pack_sequence_as(state["_data"], opened))


def _mapped(array: Any) -> Any:
    """Return what maps an array again, or the array itself where it is none that a file holds as a whole."""
    # A part of a map says nothing of its own place in the file.
    if not isinstance(array, np.memmap) or not isinstance(array.base, mmap.mmap) or array.filename is None:
        return array
    order = "C" if array.flags.c_contiguous else "F"
    return partial(np.memmap, str(array.filename), array.dtype, "r", array.offset, array.shape, order)


class Endless(keras.utils.PyDataset):
    """Planned batches of arrays one epoch after another without an end, for a ``fit`` that is told the steps.

    Keras calls ``on_epoch_end`` of a data set once more than there are epochs, so that these are told by the number of
    the batch.
    """

    num_batches = None

    def __init__(self, data: Any, plan: Plan, epochs: Epochs) -> None:
        super().__init__()
        self._data, self._plan, self._epochs = data, plan, epochs
        self._known: tuple[int, Any] = (-1, None)

    def __getitem__(self, index: int) -> Any:
        """Return a batch by its number since the first."""
        epochs, number = divmod(index, self._plan.n_batches)
        epoch = self._epochs.first + epochs
        if self._known[0] != epoch:
            self._known = epoch, self._plan.epoch(epoch)
        return _rows_of(self._data, self._known[1][number])


def _rows_of(data: Any, rows: Any) -> Any:
    return keras.tree.map_structure(lambda array: np.asarray(array[rows]), data)


def composed_batches(
    data: tuple[Any, ...], plan: Composition, epochs: Epochs, steps_per_epoch: int | None
) -> tuple[Any, int | None]:
    """Return planned batches of packed data as ``fit`` takes them, and how many of them make an epoch of it.

    The samples of a batch are the same on every backend.
    """
    if not ON_TENSORFLOW:
        return Endless(data, plan, epochs), steps_per_epoch or plan.n_batches
    import tensorflow as tf

    batches = _gathered(_as_held(data), _planned_rows(plan, epochs)).prefetch(tf.data.AUTOTUNE)
    return batches.repeat() if steps_per_epoch else batches, steps_per_epoch


def reader_of(data: Any) -> Callable[[NDArray[np.intp]], Any]:
    """Return what makes a batch of arrays for each row of numbers of samples, in a form that ``fit`` takes."""
    if not ON_TENSORFLOW:
        return lambda rows: PlannedBatches(data, Given(rows), counts=(0, 0))
    import tensorflow as tf

    held = _as_held(data)
    return lambda rows: _gathered(held, tf.data.Dataset.from_tensor_slices(rows))


def _as_held(data: Any) -> Any:
    """Return arrays as tensors that batches are gathered from."""
    import tensorflow as tf

    # tf.data runs on the processor; on an accelerator the arrays would fill its memory and be copied back.
    with tf.device("CPU:0"):
        return keras.tree.map_structure(tf.convert_to_tensor, data)


def _gathered(tensors: Any, rows: tf.data.Dataset) -> tf.data.Dataset:
    import tensorflow as tf

    return rows.map(lambda some: tf.nest.map_structure(lambda tensor: tf.gather(tensor, some), tensors))


def _planned_rows(plan: Plan, epochs: Epochs) -> tf.data.Dataset:
    """Return the samples of each batch as a `tf.data.Dataset` of their numbers."""
    import tensorflow as tf

    def next_epoch() -> Iterator[Indices]:
        yield np.concatenate([*next(epochs), np.empty(0, np.int64)])

    full = len(plan.epoch(0)[-1]) == plan.batch_size
    rows = tf.data.Dataset.from_generator(next_epoch, output_signature=tf.TensorSpec((None,), tf.int64))
    rows = rows.flat_map(lambda all_rows: tf.data.Dataset.from_tensor_slices(all_rows).batch(plan.batch_size, full))
    return rows.apply(tf.data.experimental.assert_cardinality(plan.n_batches))


def weight_for(x: Any) -> float:
    """Return the weight of tasks that have none of their own."""
    if isinstance(x, PackedDataset) and isinstance(x.source, PlannedBatches):
        return automatic_weight(*x.source.counts)
    return automatic_weight(*x.counts) if isinstance(x, AuxBatch) else UNCOUNTED


def py_dataset(
    inputs: Any, labels: Mapping[str, Any], main: Sequence[str], *, kwargs: Mapping[str, Any], **how: Any
) -> PlannedBatches:
    """Return batches as `AuxTargets.to_py_dataset` does; `main` names the labels that are no targets."""
    data, plan, counts = _planned(inputs, labels, main, **how)
    return PlannedBatches(data, plan, counts, **kwargs)


def tf_dataset(
    inputs: Any,
    labels: Mapping[str, Any],
    main: Sequence[str],
    *,
    batch_size: int | None,
    prefetch: bool,
    **how: Any,
) -> tf.data.Dataset:
    """Return batches as `AuxTargets.to_tf_dataset` does; `main` names the labels that are no targets."""
    import tensorflow as tf

    check_flag("prefetch", prefetch)
    at_once = _READ_AT_ONCE if batch_size is None else batch_size
    data, plan, _ = _planned(inputs, labels, main, batch_size=at_once, **how)
    leaves = keras.tree.flatten(data)
    dtypes = [tf.string if leaf.dtype == object else tf.as_dtype(leaf.dtype) for leaf in leaves]

    def read(rows: Any) -> Any:
        # Read from where the arrays are, so that none is copied into the graph, and maps stay on disk.
        found = tf.numpy_function(lambda chosen: [np.asarray(leaf[chosen]) for leaf in leaves], [rows], dtypes, False)
        for tensor, leaf in zip(found, leaves, strict=True):
            tensor.set_shape((rows.shape[0], *leaf.shape[1:]))
        return keras.tree.pack_sequence_as(data, found)

    rows = _planned_rows(plan, Epochs(plan))
    batches = rows.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    if batch_size is None:
        n = sum(map(len, plan.epoch(0)))
        batches = batches.unbatch().apply(tf.data.experimental.assert_cardinality(n))
    return batches.prefetch(tf.data.AUTOTUNE) if prefetch else batches


_READ_AT_ONCE = 64
"""So many samples are read at once where they are wanted one by one."""


def _planned(
    inputs: Any,
    labels: Mapping[str, Any],
    main: Sequence[str],
    *,
    batch_size: int,
    shuffle: bool,
    seed: int | None,
    share: float | None,
    drop_remainder: bool,
    sample_weight: Any,
) -> tuple[Any, Plan, tuple[int, int]]:
    """Check all that was given, and return the arrays, the plan and the counts of labels."""
    check_int("batch_size", batch_size, low=1)
    shuffled = check_flag("shuffle", shuffle) or share is not None
    check_flag("drop_remainder", drop_remainder)
    # What is not seeded differs from run to run, as in Keras.
    drawn = np.random.SeedSequence().generate_state(1)[0].item() if seed is None else check_int("seed", seed, low=0)
    n, labels = len(next(iter(labels.values()))), dict(labels)
    x = read_rows("inputs", inputs, n)
    data: tuple[Any, ...] = (x, labels)
    if sample_weight is not None:
        data = (x, labels, read_rows("sample_weight", as_arrays(sample_weight, weights=True), n))
    labelled = np.any([np.zeros(n, bool), *(present_rows(labels[name]) for name in main)], axis=0)
    plan: Plan | None = None
    if share is not None:
        for name in main:
            check_not_signed("y", labels[name])
        plan = compose(labelled, batch_size, share, drawn)
    if plan is None:
        plan = Ordered(n, batch_size, drawn if shuffled else None, drop_remainder)
    if not plan.n_batches:
        raise InvalidInputError(
            f"`batch_size` is {batch_size}, so drop_remainder=True leaves no batch of {n} samples; choose at most {n}."
        )
    return data, plan, (int(labelled.sum()), n)
