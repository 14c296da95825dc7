"""The labels that are to be hidden, read from what users have."""

from __future__ import annotations

from typing import Any

import numpy as np

from auxtasks.audit.metrics.labels import missing_entries, read_labels
from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array


def as_labels(name: str, y: Any) -> Array:
    """Return labels as an array; see `auxtasks.audit.metrics.labels.read_labels`."""
    dtype = getattr(y, "dtype", None)
    if hasattr(y, "to_numpy") and not isinstance(dtype, np.dtype) and getattr(dtype, "kind", "") in ("i", "u", "b"):
        # pandas' nullable integers would become floats where one is missing, and classes a regression.
        y = y.to_numpy(dtype=np.int64, na_value=-1)
    labels = read_labels(name, y)
    if not len(labels):
        raise InvalidInputError(f"`{name}` holds no label; found shape {labels.shape}.")
    return labels


def entries_present(labels: Array, *, signed: bool = False) -> Array:
    """Tell which rows have a label, or some.

    Parameters
    ----------
    labels : ndarray, shape (n, ...)
        The labels.
    signed : bool, default False
        Whether -1 is a class.

    Returns
    -------
    ndarray of bool, shape (n,)
        False where all entries of a row are missing.
    """
    return np.asarray(~missing_entries(labels, signed=signed).reshape(len(labels), -1).all(axis=1))
