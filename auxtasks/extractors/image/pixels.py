"""First differences of images along rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.tensors import float_dtype, namespace
from auxtasks.typing import Floats
from auxtasks.validation import check_int


def central_differences(channel: Floats, down: Floats, across: Floats) -> None:
    """Write the differences between the two neighbours of each pixel, zero on the border of the image."""
    np.subtract(channel[:, 2:], channel[:, :-2], out=down[:, 1:-1])
    down[:, [0, -1]] = 0
    # All images as one line, which saves starting anew in each row; what spans two rows stands on the border.
    pixels = channel.ravel()
    np.subtract(pixels[2:], pixels[:-2], out=across.reshape(-1)[1:-1])
    across[:, :, [0, -1]] = 0


def smoothed_differences(grey: Floats, side: float, centre: float) -> tuple[Floats, Floats]:
    """Differences between the two neighbours of each pixel, smoothed across, with the border reflected."""
    padded = namespace(grey).pad(grey, ((0, 0), (1, 1), (1, 1)), mode="symmetric")
    along_rows: Floats = padded[:, 2:] - padded[:, :-2]
    along_columns: Floats = padded[:, :, 2:] - padded[:, :, :-2]
    down = side * (along_rows[:, :, 2:] + along_rows[:, :, :-2]) + centre * along_rows[:, :, 1:-1]
    across = side * (along_columns[:, 2:] + along_columns[:, :-2]) + centre * along_columns[:, 1:-1]
    return down, across


LUMA = (0.2125, 0.7154, 0.0721)
"""The share of red, green and blue in luminance: ITU-R BT.709 as `skimage.color.rgb2gray` rounds it."""


def to_grey(X: Floats) -> Floats:
    """Reduce the channels of images to one.

    ``Y = 0.2125 R + 0.7154 G + 0.0721 B``, as `skimage.color.rgb2gray`. It is summed as
    ``G + 0.2125 (R - G) + 0.0721 (B - G)``, which keeps a colourless pixel at exactly its own value.
    """
    if X.shape[-1] == 1:
        return X[..., 0]
    if X.shape[-1] != len(LUMA):
        mean: Floats = namespace(X).mean(X, axis=-1)
        return mean
    red, green, blue = X[..., 0], X[..., 1], X[..., 2]
    grey: Floats = red - green
    grey *= LUMA[0]
    grey += green
    grey += LUMA[2] * (blue - green)
    return grey


def area_average(X: Floats, size: tuple[int, int]) -> Floats:
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


def check_pair(argument: str, value: object) -> tuple[int, int]:
    """Return an option as (rows, columns), both positive."""
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        length = check_int(argument, value, low=1)
        return length, length
    if len(value) != 2:
        raise InvalidInputError(f"`{argument}` must be (rows, columns) or one integer for both; got {value!r}.")
    return check_int(argument, value[0], low=1), check_int(argument, value[1], low=1)
