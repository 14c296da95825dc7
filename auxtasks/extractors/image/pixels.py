"""The pixels themselves, averaged to a small image or turned; and what other image tasks do with them first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.tensors import float_dtype, namespace
from auxtasks.registry import register_task
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_int


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
    averaged: Floats = area_average(X, check_pair("size", size))
    return averaged


DEGREES = ("0", "90", "180", "270")


@register_task(
    "rotation",
    domain="image",
    kind="class",
    effect="expands",
    classes=lambda _: DEGREES,
    source="Gidaris et al. 2018, Unsupervised representation learning by predicting image rotations",
)
def rotation(X: Floats, *, rng: np.random.Generator) -> tuple[Floats, Array]:
    """Rotated copies of the images, by 90°, 180° or 270°, and by how much.

    Parameters
    ----------
    X : ndarray of float, shape (n, h, h, c)
        The images, which must be square; any dtype.
    rng : numpy.random.Generator
        Draws one of the three rotations for each image, with equal chance.

    Returns
    -------
    copies : ndarray, shape (n, h, h, c)
        One rotated copy of each image, of the dtype of `X`.
    classes : ndarray of int32, shape (n,)
        1, 2 or 3 quarter turns anticlockwise. Class 0 is that of the untouched images, which are not returned.

    Raises
    ------
    InvalidInputError
        If the images are not square.

    Notes
    -----
    ``numpy.rot90(image, class)``, without any interpolation.

    Examples
    --------
    >>> import numpy as np
    >>> copies, classes = rotation(np.arange(4.0).reshape(1, 2, 2, 1), rng=np.random.default_rng(0))
    >>> classes, copies[0, :, :, 0].tolist()
    (array([3], dtype=int32), [[2.0, 0.0], [3.0, 1.0]])
    """
    h, w = X.shape[1:3]
    if h != w:
        raise InvalidInputError(
            f"`X`: the task 'rotation' needs square images, so that a rotated one has the same shape; found {h}×{w} "
            f"pixels in shape {X.shape}. Crop or pad the images to squares, or leave the task out."
        )
    classes = rng.integers(1, len(DEGREES), size=len(X), dtype=np.int32)
    copies = np.empty_like(X)
    for turns in range(1, len(DEGREES)):
        chosen = classes == turns
        copies[chosen] = np.rot90(X[chosen], turns, axes=(1, 2))
    return copies, classes


LUMA = (0.2125, 0.7154, 0.0721)
"""The share of red, green and blue in luminance: ITU-R BT.709 as `skimage.color.rgb2gray` rounds it."""


def to_grey(X: Any) -> Any:
    """Reduce the channels of images to one.

    ``Y = 0.2125 R + 0.7154 G + 0.0721 B``, as `skimage.color.rgb2gray`. It is summed as
    ``G + 0.2125 (R - G) + 0.0721 (B - G)``, which keeps a colourless pixel at exactly its own value.
    """
    if X.shape[-1] == 1:
        return X[..., 0]
    if X.shape[-1] != len(LUMA):
        return namespace(X).mean(X, axis=-1)
    red, green, blue = X[..., 0], X[..., 1], X[..., 2]
    grey = red - green
    grey *= LUMA[0]
    grey += green
    grey += LUMA[2] * (blue - green)
    return grey


def area_average(X: Any, size: tuple[int, int]) -> Any:
    """Average images over the cells of a grid.

    Averaging is separable: a (rows, h) matrix from the left, a (w, columns) matrix from the right. Each image is a
    product of its own, so that its result does not depend on what else is in the batch.
    """
    xp, dtype = namespace(X), float_dtype(X)
    _, h, w, c = X.shape
    rows, columns = min(h, size[0]), min(w, size[1])
    down = xp.matmul(_weights(h, rows, dtype), xp.reshape(X, (-1, h, w * c)))
    # Channels stay apart: the column weights act on (column, channel) pairs, block-diagonal in the channel.
    across = np.kron(_weights(w, columns, dtype).T, np.eye(c, dtype=dtype))
    return xp.reshape(xp.matmul(down, across), (-1, rows, columns, c))


@lru_cache(maxsize=64)
def _weights(length: int, cells: int, dtype: DTypeLike) -> np.ndarray[Any, Any]:
    """Return the (cells, length) share of each pixel in each cell; rows sum to 1."""
    edges = np.arange(cells + 1) * (length / cells)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights: np.ndarray[Any, Any] = (np.maximum(overlap, 0) * (cells / length)).astype(dtype)
    weights.flags.writeable = False
    return weights


def check_pair(argument: str, value: object) -> tuple[int, int]:
    """Return an option as (rows, columns), both positive."""
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        length = check_int(argument, value, low=1)
        return length, length
    if len(value) != 2:
        raise InvalidInputError(f"`{argument}` must be (rows, columns) or one integer for both; got {value!r}.")
    return check_int(argument, value[0], low=1), check_int(argument, value[1], low=1)
