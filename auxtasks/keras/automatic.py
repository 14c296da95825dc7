"""The automatic loss weight of packed training data."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from auxtasks.keras.forms import AuxBatch, PackedDataset
from auxtasks.keras.planned import PlannedBatches
from auxtasks.keras.weights import UNCOUNTED, automatic_weight


def weight_for(x: Any) -> float:
    """Return the weight of tasks that have none of their own.

    Parameters
    ----------
    x : AuxBatch, PackedDataset or another form of data
        Packed training data.

    Returns
    -------
    float
        `automatic_weight` of arrays and of batches planned from them, 0.1 of what cannot be counted.
    """
    if isinstance(x, PackedDataset) and isinstance(x.source, PlannedBatches):
        return automatic_weight(*x.source.counts)
    if not isinstance(x, AuxBatch):
        return UNCOUNTED
    n_samples = len(keras.tree.flatten(x.inputs)[0])
    # An empty tuple: no label can be missing.
    n_labelled = n_samples if isinstance(x.labelled, tuple) else int(np.sum(x.labelled))
    return automatic_weight(n_labelled, n_samples)
