"""Batches with a chosen share of labelled samples, for Keras and for tf.data."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from auxtasks.errors import InvalidInputError
from auxtasks.keras.composition import DEFAULT_SHARE, Composition, Indices
from auxtasks.keras.labels import present_rows
from auxtasks.keras.texts import as_inputs
from auxtasks.validation import check_int, check_number


def dataset_of(data: Any, plan: Composition, first_epoch: int = 0) -> tf.data.Dataset:
    """Return planned batches of arrays as a `tf.data.Dataset`.

    Parameters
    ----------
    data : structure of arrays
        What a batch is made of.
    plan : Composition
        Which samples each batch holds.
    first_epoch : int, default 0
        The number of the first epoch.

    Returns
    -------
    tf.data.Dataset
        Each pass over it is the next epoch.
    """
    epochs = count(first_epoch)

    def next_epoch() -> Iterator[Indices]:
        yield plan.epoch(next(epochs))

    spec = tf.TensorSpec((plan.n_batches, plan.batch_size), tf.int64)
    # tf.data runs on the processor; on an accelerator the arrays would fill its memory and be copied back.
    with tf.device("CPU:0"):
        tensors = keras.tree.map_structure(tf.convert_to_tensor, data)
    batches = tf.data.Dataset.from_generator(next_epoch, output_signature=spec).unbatch()
    batches = batches.apply(tf.data.experimental.assert_cardinality(plan.n_batches))
    return batches.map(lambda rows: tf.nest.map_structure(lambda array: tf.gather(array, rows), tensors)).prefetch(
        tf.data.AUTOTUNE
    )


class LabelledBatches(keras.utils.PyDataset):
    """Batches of arrays with a chosen share of labelled samples, as a Keras `PyDataset`.

    Arrays are indexed batch by batch, so memory maps stay on disk. `AuxModel.fit` composes batches of arrays by itself;
    this is for training loops of one's own and for data that does not fit in memory.

    Parameters
    ----------
    x : array or structure of arrays
        The inputs.
    y : mapping or array
        ``targets.with_main(labels)``, or labels alone; missing labels are -1 or NaN.
    batch_size : int, default 32
        Samples in a batch.
    labelled_share : float, default 0.5
        The share of labelled samples in each batch.
    seed : int, default 0
        Batches are the same for the same seed and epoch.
    main : str, default "main"
        The key of the main label in `y`.
    **kwargs
        ``workers``, ``use_multiprocessing`` and ``max_queue_size`` of `keras.utils.PyDataset`.

    Raises
    ------
    InvalidInputError
        If no label is present, or none is missing.

    Examples
    --------
    >>> import numpy as np
    >>> batches = LabelledBatches(np.arange(10.0), np.array([0, 1] + [-1] * 8), batch_size=4)
    >>> len(batches)
    4
    >>> x, y = batches[0]
    >>> int((y >= 0).sum())
    2
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        batch_size: int = 32,
        labelled_share: float = DEFAULT_SHARE,
        seed: int = 0,
        main: str = "main",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._data = (as_inputs(x), y)
        self._plan = _checked_plan(y, batch_size, labelled_share, seed, main)
        self._epoch = 0
        self._rows = self._plan.epoch(0)

    @property
    def num_batches(self) -> int:
        """The number of batches in an epoch."""
        return self._plan.n_batches

    @property
    def counts(self) -> tuple[int, int]:
        """How many samples have a main label, and how many there are."""
        return self._plan.counts

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


def labelled_dataset(
    x: Any,
    y: Any,
    batch_size: int = 32,
    labelled_share: float = DEFAULT_SHARE,
    seed: int = 0,
    main: str = "main",
) -> tf.data.Dataset:
    """Return what `LabelledBatches` yields as a `tf.data.Dataset`; the arrays are held in memory.

    Parameters
    ----------
    x, y, batch_size, labelled_share, seed, main
        See `LabelledBatches`.

    Returns
    -------
    tf.data.Dataset
        Of ``(x, y)``; each pass over it is the next epoch.

    Raises
    ------
    InvalidInputError
        If no label is present, or none is missing.

    Examples
    --------
    >>> import numpy as np
    >>> batches = labelled_dataset(np.arange(10.0), np.array([0, 1] + [-1] * 8), batch_size=4)
    >>> [int((y >= 0).numpy().sum()) for _, y in batches]
    [2, 2, 2, 2]
    """
    plan = _checked_plan(y, batch_size, labelled_share, seed, main)
    return dataset_of((as_inputs(x), dict(y) if hasattr(y, "keys") else y), plan)


def _checked_plan(y: Any, batch_size: int, share: float, seed: int, main: str) -> Composition:
    check_int("batch_size", batch_size, low=2)
    check_number("labelled_share", share, low=0.0, high=1.0)
    labelled = _labelled(y, main)
    if not labelled.any() or labelled.all():
        raise InvalidInputError(
            f"`y`: {int(labelled.sum())} of {len(labelled)} samples have a main label, so there is nothing to compose; "
            "some must have one and some not (-1 or NaN)."
        )
    return Composition(labelled, batch_size, share, seed)


def _labelled(y: Any, main: str) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = present_rows(np.asarray(y[main] if hasattr(y, "keys") else y))
    return found
