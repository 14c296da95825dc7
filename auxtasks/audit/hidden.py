"""Labels taken away: what stands in their place."""

from __future__ import annotations

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array


def without_labels(labels: Array, rows: Array) -> Array:
    """Return labels of which some rows are missing.

    Parameters
    ----------
    labels : ndarray, shape (n, ...)
        The labels.
    rows : ndarray of int or bool
        Which rows to take away.

    Returns
    -------
    ndarray
        A copy, with a sign.

    Raises
    ------
    InvalidInputError
        If the numbers are too large for a signed type.

    Examples
    --------
    >>> without_labels(np.array([3, 4], dtype=np.uint8), np.array([1]))
    array([ 3, -1], dtype=int32)
    """
    if labels.dtype.kind in "bu":
        wide = np.int32 if labels.dtype.itemsize <= 2 else np.int64
        if labels.size and int(labels.max()) > np.iinfo(wide).max:
            raise InvalidInputError(f"`y` holds {labels.max()}, too large for {np.dtype(wide).name}; number classes.")
        found = labels.astype(wide)
    else:
        found = labels.copy()
    found[rows] = -1 if found.dtype.kind == "i" else np.nan
    return found
