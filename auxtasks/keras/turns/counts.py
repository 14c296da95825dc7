"""How many samples of each task are labelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from auxtasks.keras.forms import AuxBatch, PackedDataset
from auxtasks.keras.labels import labelled_rows
from auxtasks.keras.turns.batches import TaskBatches


def label_counts(x: Any, tasks: Sequence[str]) -> list[int] | None:
    """Count the labelled samples of each task.

    Parameters
    ----------
    x : AuxBatch, PackedDataset or another form of data
        Packed training data.
    tasks : sequence of str
        The main task, then the others.

    Returns
    -------
    list of int or None
        In the order of the tasks; None where the data is neither in arrays nor of `TaskBatches`.
    """
    if isinstance(x, PackedDataset) and isinstance(x.source, TaskBatches):
        return [x.source.sizes.get(task, 0) for task in tasks]
    if not isinstance(x, AuxBatch):
        return None
    n = len(keras.tree.flatten(x.inputs)[0])
    main = n if isinstance(x.labelled, tuple) else int(np.sum(x.labelled))
    # What the data does not hold is computed for every sample.
    rows = [labelled_rows(x.targets[task]) if task in x.targets else None for task in tasks[1:]]
    return [main, *(n if present is None else int(np.sum(present)) for present in rows)]
