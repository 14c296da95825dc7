"""Batches of arrays by plan: which samples each batch of each epoch holds, and the batches read by it."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Literal, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from auxtasks.backend import ON_TENSORFLOW
from auxtasks.batches.composition import UNCOUNTED, Composition, Indices, automatic_weight, compose
from auxtasks.batches.forms import AuxBatch, PackedDataset
from auxtasks.typing import Array

if TYPE_CHECKING:
    import tensorflow as tf


class Plan(Protocol):
    """Which samples each batch of each epoch holds."""

    batch_size: int
    n_batches: int

    def epoch(self, number: int) -> Any:
        """Return the samples of each batch of an epoch; only the last batch may be smaller."""


class Ordered:
    """A plan of plain batches.

    Parameters
    ----------
    n : int
        How many samples there are.
    batch_size : int
        Samples in a batch.
    seed : int or None
        What shuffles each epoch anew; None for the order as it is.
    drop_remainder : bool
        Whether a smaller last batch is left out.
    """

    def __init__(self, n: int, batch_size: int, seed: int | None = None, drop_remainder: bool = False) -> None:
        self.batch_size = batch_size
        self.n_batches = n // batch_size if drop_remainder else ceil(n / batch_size)
        self._n = n
        self._seed = seed

    def epoch(self, number: int) -> list[Indices]:
        """Return the samples of each batch of an epoch."""
        order = np.arange(self._n)
        if self._seed is not None:
            order = np.random.default_rng([self._seed, number]).permutation(self._n)
        starts = range(0, self.n_batches * self.batch_size, self.batch_size)
        return [order[start : start + self.batch_size] for start in starts]


class Epochs:
    """The epochs of a plan, one after another, from the one that a run begins or goes on with.

    Parameters
    ----------
    plan : Plan
        Which samples each batch of each epoch holds.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan, self.first, self._next, self._begun = plan, 0, 0, False

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self._plan.n_batches

    def go_to(self, epoch: int) -> None:
        """Begin with an epoch; later calls change nothing, because batches of later epochs are read ahead."""
        if not self._begun:
            self.first, self._next, self._begun = epoch, epoch, True

    def __next__(self) -> Any:
        """Return the samples of each batch of the next epoch."""
        self._next += 1
        return self._plan.epoch(self._next - 1)


def planned_rows(plan: Plan, epochs: Epochs | None = None) -> tf.data.Dataset:
    """Return the samples of each batch as a `tf.data.Dataset` of their numbers."""
    import tensorflow as tf

    epochs = Epochs(plan) if epochs is None else epochs

    def next_epoch() -> Iterator[Indices]:
        yield np.concatenate([*next(epochs), np.empty(0, np.int64)])

    full = len(plan.epoch(0)[-1]) == plan.batch_size
    rows = tf.data.Dataset.from_generator(next_epoch, output_signature=tf.TensorSpec((None,), tf.int64))
    rows = rows.flat_map(lambda all_rows: tf.data.Dataset.from_tensor_slices(all_rows).batch(plan.batch_size, full))
    return rows.apply(tf.data.experimental.assert_cardinality(plan.n_batches))


class PlannedBatches(keras.utils.PyDataset):
    """Batches of arrays by plan, as a Keras `PyDataset`.

    Parameters
    ----------
    data : structure of arrays
        What a batch is made of, indexed batch by batch, so that memory maps stay on disk.
    plan : Plan
        Which samples each batch holds.
    counts : (int, int)
        How many samples have a main label, and how many there are.
    **kwargs
        ``workers``, ``use_multiprocessing`` and ``max_queue_size`` of `keras.utils.PyDataset`.
    """

    def __init__(self, data: Any, plan: Plan, counts: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.counts = counts
        self._data = data
        self._plan = plan
        self._epoch = 0
        self._rows = plan.epoch(0)

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self._plan.n_batches

    def __getitem__(self, index: int) -> Any:
        """Return batch `index` of this epoch."""
        rows = self._rows[index]
        return _rows_of(self._data, rows)

    def on_epoch_end(self) -> None:
        """Go on to the next epoch's order."""
        self._epoch += 1
        self._rows = self._plan.epoch(self._epoch)

    def __getstate__(self) -> dict[str, Any]:
        """Send memory maps to other processes by the names of their files."""
        return {**self.__dict__, "_data": keras.tree.map_structure(MappedFile.of, self._data)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the files again."""
        opened = [part.open() if isinstance(part, MappedFile) else part for part in keras.tree.flatten(state["_data"])]
        self.__dict__.update(state, _data=keras.tree.pack_sequence_as(state["_data"], opened))


@dataclass(frozen=True)
class MappedFile:
    """Where a memory map is on disk.

    Parameters
    ----------
    path : str
        The file.
    dtype : dtype
        Of the array.
    shape : tuple of int
        Of the array.
    offset : int
        Where in the file it begins.
    order : {"C", "F"}
        How it is laid out.
    """

    path: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int
    order: Literal["C", "F"]

    @classmethod
    def of(cls, array: Any) -> Any:
        """Return where an array is on disk, or the array itself where it is none that a file holds as a whole."""
        # A part of a map says nothing of its own place in the file.
        if not isinstance(array, np.memmap) or not isinstance(array.base, mmap.mmap) or array.filename is None:
            return array
        return cls(
            str(array.filename), array.dtype, array.shape, array.offset, "C" if array.flags.c_contiguous else "F"
        )

    def open(self) -> Array:
        """Map the file again, to be read."""
        array: Array = np.memmap(self.path, self.dtype, "r", self.offset, self.shape, self.order)
        return array


def dataset_of(data: Any, plan: Plan, epochs: Epochs | None = None) -> tf.data.Dataset:
    """Return planned batches of arrays as a `tf.data.Dataset`."""
    import tensorflow as tf

    return _gathered(_as_held(data), planned_rows(plan, epochs)).prefetch(tf.data.AUTOTUNE)


def _as_held(data: Any) -> Any:
    """Return arrays as tensors that batches are gathered from."""
    import tensorflow as tf

    # tf.data runs on the processor; on an accelerator the arrays would fill its memory and be copied back.
    with tf.device("CPU:0"):
        return keras.tree.map_structure(tf.convert_to_tensor, data)


def _gathered(tensors: Any, rows: tf.data.Dataset) -> tf.data.Dataset:
    import tensorflow as tf

    return rows.map(lambda some: tf.nest.map_structure(lambda tensor: tf.gather(tensor, some), tensors))


class Endless(keras.utils.PyDataset):
    """Planned batches of arrays one epoch after another without an end, for a ``fit`` that is told the steps.

    Keras calls ``on_epoch_end`` of a data set once more than there are epochs, so that these are told by the number of
    the batch.

    Parameters
    ----------
    data : structure of arrays
        What a batch is made of.
    plan : Plan
        Which samples each batch holds.
    epochs : Epochs
        Which epoch the first batch belongs to.
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


def reader_of(data: Any) -> Callable[[NDArray[np.intp]], Any]:
    """Return what makes a batch of arrays for each row of numbers of samples, in a form that ``fit`` takes."""
    if not ON_TENSORFLOW:
        return lambda rows: PlannedBatches(data, Given(rows), counts=(0, 0))
    import tensorflow as tf

    held = _as_held(data)
    return lambda rows: _gathered(held, tf.data.Dataset.from_tensor_slices(rows))


def _rows_of(data: Any, rows: Any) -> Any:
    return keras.tree.map_structure(lambda array: np.asarray(array[rows]), data)


class Given:
    """A plan of the same batches in every epoch.

    Parameters
    ----------
    rows : ndarray of int, shape (batches, batch size)
        The samples of each.
    """

    def __init__(self, rows: NDArray[np.intp]) -> None:
        self.n_batches, self.batch_size = rows.shape
        self._rows = rows

    def epoch(self, number: int) -> NDArray[np.intp]:
        """Return the samples of each batch."""
        del number
        return self._rows


def n_batches(labelled: NDArray[np.bool_], batch_size: int, share: float | None) -> int:
    """Return how many batches an epoch has, composed or not; None as the share composes none."""
    plan = None if share is None else compose(labelled, batch_size, share, seed=0)
    return (plan or Ordered(len(labelled), batch_size)).n_batches


def composed_batches(
    data: tuple[Any, ...], plan: Composition, epochs: Epochs, steps_per_epoch: int | None
) -> tuple[Any, int | None]:
    """Return planned batches of packed data as ``fit`` takes them, and how many of them make an epoch of it.

    The samples of a batch are the same on every backend.
    """
    if not ON_TENSORFLOW:
        return Endless(data, plan, epochs), steps_per_epoch or plan.n_batches
    batches = dataset_of(data, plan, epochs)
    return batches.repeat() if steps_per_epoch else batches, steps_per_epoch


def weight_for(x: Any) -> float:
    """Return the weight of tasks that have none of their own."""
    if isinstance(x, PackedDataset) and isinstance(x.source, PlannedBatches):
        return automatic_weight(*x.source.counts)
    if not isinstance(x, AuxBatch):
        return UNCOUNTED
    n_samples = len(keras.tree.flatten(x.inputs)[0])
    # An empty tuple: no label can be missing.
    n_labelled = n_samples if isinstance(x.labelled, tuple) else int(np.sum(x.labelled))
    return automatic_weight(n_labelled, n_samples)
