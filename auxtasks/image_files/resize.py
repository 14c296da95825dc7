"""Images brought to a size by bilinear interpolation, as `keras.utils.image_dataset_from_directory` does it."""

from __future__ import annotations

import numpy as np

from auxtasks.errors import InvalidInputError, abbreviated
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_int, is_several

LARGEST = 2**16
"""So many pixels a side can have."""


def check_size(argument: str, value: object) -> tuple[int, int] | None:
    """Return a size as (height, width), or None for none."""
    if value is None:
        return None
    sides = list(value) if is_several(value) else []
    if len(sides) != 2:
        raise InvalidInputError(f"`{argument}` must be (height, width), such as (64, 64); got {abbreviated(value)}.")
    height, width = (check_int(argument, side, low=1, high=LARGEST) for side in sides)
    return height, width


def resized(image: Array, size: tuple[int, int]) -> Floats:
    """Return an image of another size, in float32, within its range of values."""
    rows, columns = (_neighbours(old, new) for old, new in zip(image.shape[:2], size, strict=True))
    return _blended(_blended(image.astype(np.float32), rows, axis=0), columns, axis=1)


def _neighbours(old: int, new: int) -> tuple[Array, Array, Floats]:
    """Return the two old pixels beside the centre of each new one, and how far it is from the first to the second."""
    centres = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
    before = np.floor(centres).astype(np.intp)
    return before, np.minimum(before + 1, old - 1), (centres - before).astype(np.float32)


def _blended(image: Floats, neighbours: tuple[Array, Array, Floats], axis: int) -> Floats:
    before, after, share = neighbours
    share = share.reshape([-1 if each == axis else 1 for each in range(image.ndim)])
    first = image.take(before, axis)
    found: Floats = first + (image.take(after, axis) - first) * share
    return found
