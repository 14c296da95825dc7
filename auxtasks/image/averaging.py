"""Exact area averaging of images onto a smaller grid."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from auxtasks.tensors import float_dtype, namespace
from auxtasks.typing import Floats


def area_average(X: Floats, size: tuple[int, int]) -> Floats:
    """Average images over the cells of a grid.

    Parameters
    ----------
    X : ndarray of float or tensor, shape (n, h, w, c)
        The images.
    size : tuple of int
        Rows and columns of the grid; no more than the image has are used.

    Returns
    -------
    ndarray of float, shape (n, min(h, rows), min(w, columns), c)
        The mean over each cell; a pixel on a border between cells counts in each by its share of area.

    Notes
    -----
    Averaging is separable: a (rows, h) matrix from the left, a (w, columns) matrix from the right. Each image is a
    product of its own, so that its result does not depend on what else is in the batch.

    Examples
    --------
    >>> import numpy as np
    >>> area_average(np.array([0.0, 3.0, 6.0]).reshape(1, 1, 3, 1), (1, 2)).ravel()
    array([1., 5.])
    """
    xp, dtype = namespace(X), float_dtype(X)
    _, h, w, c = X.shape
    rows, columns = min(h, size[0]), min(w, size[1])
    down = xp.matmul(_weights(h, rows, dtype), xp.reshape(X, (-1, h, w * c)))
    # Channels stay apart: the column weights act on (column, channel) pairs, block-diagonal in the channel.
    across = np.kron(_weights(w, columns, dtype).T, np.eye(c, dtype=dtype))
    averaged: Floats = xp.reshape(xp.matmul(down, across), (-1, rows, columns, c))
    return averaged


@lru_cache(maxsize=64)
def _weights(length: int, cells: int, dtype: DTypeLike) -> np.ndarray[Any, Any]:
    """Return the (cells, length) share of each pixel in each cell; rows sum to 1."""
    edges = np.arange(cells + 1) * (length / cells)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights: np.ndarray[Any, Any] = (np.maximum(overlap, 0) * (cells / length)).astype(dtype)
    weights.flags.writeable = False
    return weights
