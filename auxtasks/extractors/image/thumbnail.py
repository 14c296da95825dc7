"""A small version of the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from auxtasks.extractors.image.pixels import area_average, check_pair
from auxtasks.registry import register_task
from auxtasks.typing import Floats


def _thumbnail_of_tensors(X: Any, *, size: int | Sequence[int]) -> Any:
    # Around the first pixel, because tensors are summed one after the other.
    first = X[:, :1, :1]
    return first + area_average(X - first, check_pair("size", size))


@register_task(
    "thumbnail",
    domain="image",
    kind="image",
    spatial="grid",
    source="area averaging; skimage.transform.resize_local_mean",
    tensor_function=_thumbnail_of_tensors,
)
def thumbnail(X: Floats, *, size: int | Sequence[int] = (8, 8)) -> Floats:
    """Image reduced to a few pixels by averaging.

    Parameters
    ----------
    X : ndarray of float, shape (n, h, w, c)
        The images, in any range.
    size : int or (rows, columns), default (8, 8)
        The size of the thumbnail; at most that of the image.

    Returns
    -------
    ndarray of float, shape (n, min(h, rows), min(w, columns), c)
        In the unit of the image; each channel by itself.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If `size` is not made of positive integers.

    Notes
    -----
    The mean over each cell of the grid; where the size does not divide that of the image, pixels on a border between
    cells count in each by their share of area.

    Examples
    --------
    >>> import numpy as np
    >>> thumbnail(np.arange(16.0).reshape(1, 4, 4, 1), size=2).ravel()
    array([ 2.5,  4.5, 10.5, 12.5])
    """
    return area_average(X, check_pair("size", size))
