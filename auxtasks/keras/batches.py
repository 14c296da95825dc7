"""Batches with a chosen share of labelled samples, for Keras and for tf.data."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from auxtasks.keras.composition import DEFAULT_SHARE, Composition, planned
from auxtasks.keras.labels import present_rows
from auxtasks.keras.planned import PlannedBatches, planned_rows
from auxtasks.keras.texts import as_inputs


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
    # tf.data runs on the processor; on an accelerator the arrays would fill its memory and be copied back.
    with tf.device("CPU:0"):
        tensors = keras.tree.map_structure(tf.convert_to_tensor, data)
    batches = planned_rows(plan, first_epoch)
    return batches.map(lambda rows: tf.nest.map_structure(lambda array: tf.gather(array, rows), tensors)).prefetch(
        tf.data.AUTOTUNE
    )


class LabelledBatches(PlannedBatches):
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
        plan = _checked_plan(y, batch_size, labelled_share, seed, main)
        super().__init__((as_inputs(x), y), plan, plan.counts, **kwargs)


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
    labelled = present_rows(np.asarray(y[main] if hasattr(y, "keys") else y))
    return planned(labelled, batch_size, share, seed)
