"""Batches of arrays by plan: which samples each batch of each epoch holds, and the batches read by it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from math import ceil
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from auxtasks.keras.composition import Indices
from auxtasks.keras.mapped import MappedFile


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

    Examples
    --------
    >>> [rows.tolist() for rows in Ordered(5, 2).epoch(0)]
    [[0, 1], [2, 3], [4]]
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


def planned_rows(plan: Plan, first_epoch: int = 0) -> tf.data.Dataset:
    """Return the samples of each batch as a `tf.data.Dataset` of their numbers.

    Parameters
    ----------
    plan : Plan
        Which samples each batch holds.
    first_epoch : int, default 0
        The number of the first epoch.

    Returns
    -------
    tf.data.Dataset
        Of int64; each pass over it is the next epoch.
    """
    epochs = count(first_epoch)

    def next_epoch() -> Iterator[Indices]:
        yield np.concatenate([*plan.epoch(next(epochs)), np.empty(0, np.int64)])

    full = len(plan.epoch(first_epoch)[-1]) == plan.batch_size
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

    @property
    def num_batches(self) -> int:
        """The number of batches in an epoch."""
        return self._plan.n_batches

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self._plan.n_batches

    def __getitem__(self, index: int) -> Any:
        """Return batch `index` of this epoch."""
        rows = self._rows[index]
        return keras.tree.map_structure(lambda array: np.asarray(array[rows]), self._data)

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
