"""From a feature map to one vector of features: means over all of it, or over the cells of a coarse grid."""

from __future__ import annotations

from math import prod
from typing import Any

from keras import ops

from auxtasks.keras.trial import Shape
from auxtasks.specs import Spatial

MAX_CELLS = 8
"""A grid has at most this many cells along an axis."""
MAX_FEATURES = 8192
"""A grid is made coarser until it holds at most this many features."""


class Pooling:
    """Averages a feature map over its axes, or over the cells of a coarse grid.

    Parameters
    ----------
    shape : tuple of int
        The shape of the tap without the batch, channels last: (c,), (time, c), (h, w, c) or (time, h, w, c); None for
        a time that varies. A map may come as the sequence of its places.
    place : {"global", "grid"}
        ``"global"`` averages over all positions; a mask excludes steps. ``"grid"`` averages over the cells of a grid
        of at most `MAX_CELLS` along each axis and `MAX_FEATURES` in all; the time of a video is averaged.

    Attributes
    ----------
    size : int
        The number of features.
    """

    def __init__(self, shape: Shape, place: Spatial) -> None:
        self._shape = shape
        self.grid = _grid(shape) if place == "grid" else ()
        self.size = prod(self.grid) * shape[-1]

    def __call__(self, features: Any, mask: Any = None) -> Any:
        """Return the features, shape (batch, size), in float32."""
        features = on_grid(features, self._shape)
        if len(features.shape) == 2:
            return features
        if mask is not None and len(features.shape) == 3:
            # Padding has no place in an average, and none in a cell either: masked steps count as zero there.
            weights = ops.expand_dims(ops.cast(mask, features.dtype), -1)
            if not self.grid:
                return ops.divide_no_nan(ops.sum(features * weights, axis=1), ops.sum(weights, axis=1))
            features = features * weights
        if not self.grid:
            return ops.mean(features, axis=tuple(range(1, len(features.shape) - 1)))
        return ops.reshape(self._cells(features), (-1, self.size))

    def _cells(self, features: Any) -> Any:
        if len(features.shape) == 3:
            return averaged(features, 1, self.grid[0])
        if len(features.shape) > 4:
            features = ops.mean(features, axis=tuple(range(1, len(features.shape) - 3)))
        return averaged(averaged(features, 1, self.grid[0]), 2, self.grid[1])


def _grid(shape: Shape) -> tuple[int, ...]:
    """Return the cells along each axis: as many as positions, up to the limits."""
    cells = [min(length or MAX_CELLS, MAX_CELLS) for length in shape[-3:-1]]
    while prod(cells) * shape[-1] > MAX_FEATURES and max(cells, default=1) > 1:
        cells[cells.index(max(cells))] -= 1
    return tuple(cells)


def on_grid(features: Any, shape: Shape) -> Any:
    """Return a tap in the shape of a map where it is a sequence of patches; a token of the class before them goes."""
    if len(features.shape) == 3 and len(shape) == 3:
        features = ops.reshape(features[:, -prod(shape[:2]) :], (-1, *shape))
    return features


_ALONG = {(3, 1): "gh,bhc->bgc", (4, 1): "gh,bhwc->bgwc", (4, 2): "gw,bhwc->bhgc"}


def averaged(features: Any, axis: int, cells: int) -> Any:
    """Average a map along an axis over the positions of each cell."""
    length = ops.shape(features)[axis]
    if isinstance(length, int) and length == cells:
        return features
    equation = _ALONG[len(features.shape), axis]
    return ops.einsum(equation, ops.cast(_averages(length, cells), features.dtype), features)


def _averages(length: Any, cells: int) -> Any:
    """Return the matrix (cells, length) that averages positions into cells of (nearly) equal width.

    The length may be a tensor, where it changes from batch to batch.
    """
    cell = ops.expand_dims(ops.arange(cells), -1)
    starts, ends = cell * length // cells, -(-(cell + 1) * length // cells)
    position = ops.arange(length)
    inside = ops.cast(ops.logical_and(position >= starts, position < ends), "float32")
    return inside / ops.sum(inside, axis=1, keepdims=True)
