"""Heads: the layers that predict targets from a tap.

Heads of the same family on one tap are one layer, so that eight tasks cost one matrix product. All outputs are linear;
`auxtasks.keras.losses` applies softmax and the like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil, prod
from typing import Any

import keras
from keras import ops

from auxtasks.keras.ties import Tie, matrix_of
from auxtasks.keras.trial import Shape
from auxtasks.specs import Place, TargetSpec


class Head(keras.layers.Layer):
    """Base of the heads: float32 throughout, own seeds, and no mask passed on.

    Parameters
    ----------
    specs : sequence of TargetSpec
        The targets this head predicts, in the order of its outputs.
    seed : int
        Seeds the initial weights without touching the global random state.
    name : str
        The layer's name.
    """

    def __init__(self, specs: Sequence[TargetSpec], seed: int, name: str) -> None:
        # Outputs are float32 also under mixed precision, as Keras advises for last layers.
        super().__init__(name=name, dtype="float32")
        self.specs = tuple(specs)
        self.supports_masking = True
        self._seed = seed

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return no mask: what a head predicts has its own missing values."""

    def _kernel(self, name: str, shape: Shape, seed_offset: int = 0) -> Any:
        initializer = keras.initializers.GlorotUniform(seed=self._seed + seed_offset)
        return self.add_weight(name=name, shape=shape, initializer=initializer)

    def _bias(self, name: str, size: int) -> Any:
        return self.add_weight(name=name, shape=(size,), initializer=keras.initializers.Zeros())

    def _add_linear(self, n_features: int) -> None:
        size = sum(spec.size for spec in self.specs)
        self.kernel = self._kernel("kernel", (n_features, size))
        self.bias = self._bias("bias", size)

    def predict_from(self, features: Any, mask: Any = None) -> dict[str, Any]:
        """Return the linear outputs of each target, in the target's own shape (classes added last)."""
        joined = self(features, step_mask=mask)
        found, start = {}, 0
        for spec in self.specs:
            output = joined[..., start : start + spec.size]
            start += spec.size
            found[spec.name] = ops.reshape(output, (-1, *spec.shape)) if spec.kind == "distribution" else output
        return found


class SampleHead(Head):
    """Predicts targets with one value, vector or class per sample: pooling, then one linear map for all of them."""

    def build(self, shape: Shape) -> None:
        """Create the weights for a tap of this shape, batch first."""
        self.pooling = Pooling(shape[1:], self.specs[0].place)
        self._add_linear(self.pooling.size)
        self.built = True

    def call(self, features: Any, step_mask: Any = None) -> Any:
        """Return the linear outputs of all targets, side by side, shape (batch, total size)."""
        return ops.matmul(self.pooling(features, step_mask), self.kernel) + self.bias


class StepHead(Head):
    """Predicts targets with one value or class per step, on a tap with the same steps."""

    def build(self, shape: Shape) -> None:
        """Create the weights for a tap of this shape, batch first."""
        self._add_linear(shape[-1])
        self.built = True

    def call(self, features: Any, step_mask: Any = None) -> Any:
        """Return the linear outputs of all targets, side by side, shape (batch, time, total size)."""
        del step_mask  # the losses leave masked steps out
        return ops.matmul(features, self.kernel) + self.bias


class MapHead(Head):
    """A small convolutional decoder for one target that is an image, or a series of other length than the tap.

    Two convolutions with a resize to the target's size between them, on a feature map; a tap without axes is first
    mapped to a coarse one. A series is an image of width 1.
    """

    width = 32

    def build(self, shape: Shape) -> None:
        """Create the weights for a tap of this shape, batch first."""
        (spec,) = self.specs
        self._size: Shape = spec.shape[:2] if spec.kind == "image" else (spec.shape[0], 1)
        window = (3, 3) if spec.kind == "image" else (3, 1)
        channels = shape[-1]
        if len(shape) == 2:
            self._coarse = tuple(ceil(length / 4) for length in self._size)
            channels = self.width
            self.spread = self._kernel("spread", (shape[-1], self._coarse[0] * self._coarse[1] * channels), 2)
        self.inner = self._kernel("inner", (*window, channels, self.width))
        self.inner_bias = self._bias("inner_bias", self.width)
        self.outer = self._kernel("outer", (*window, self.width, spec.shape[-1]), 1)
        self.outer_bias = self._bias("outer_bias", spec.shape[-1])
        self.built = True

    def call(self, features: Any, step_mask: Any = None) -> Any:
        """Return the decoded target, shape (batch, height, width, channels) or (batch, time, channels)."""
        del step_mask  # the losses leave masked steps out
        grid = self._as_map(features)
        hidden = ops.relu(ops.conv(grid, self.inner, padding="same", data_format="channels_last") + self.inner_bias)
        resized = ops.image.resize(hidden, self._size, interpolation="bilinear", data_format="channels_last")
        decoded = ops.conv(resized, self.outer, padding="same", data_format="channels_last") + self.outer_bias
        return decoded if self.specs[0].kind == "image" else ops.squeeze(decoded, axis=2)

    def _as_map(self, features: Any) -> Any:
        rank = len(features.shape)
        if rank == 2:
            return ops.reshape(ops.matmul(features, self.spread), (-1, *self._coarse, self.width))
        if rank == 3:
            return ops.expand_dims(features, axis=2)
        # Axes before the last three (the time of a video) are averaged.
        return ops.mean(features, axis=tuple(range(1, rank - 3))) if rank > 4 else features

    def predict_from(self, features: Any, mask: Any = None) -> dict[str, Any]:
        """Return the decoded target under its name; see `Head.predict_from`."""
        return {self.specs[0].name: self(features, step_mask=mask)}


class TiedHead(Head):
    """Predicts a class, per sample or per step, by the rows of an embedding of the model.

    The logit of class c is ``h @ E[row of c] + bias[c]``, where h is the tap (averaged over its axes for a class per
    sample), mapped by a kernel to the width of the embedding where that is another.

    Parameters
    ----------
    specs : sequence of TargetSpec
        One target.
    seed, name
        See `Head`.
    tie : Tie
        The rows and their width.
    embedding : keras.Layer
        The embedding; it stays a layer of the base alone.
    """

    def __init__(self, specs: Sequence[TargetSpec], seed: int, name: str, tie: Tie, embedding: keras.Layer) -> None:
        super().__init__(specs, seed, name)
        self._rows, self._width = tie.rows, tie.width
        # Keras does not look into a function, and would track and save the embedding once more.
        self._matrix: Callable[[], Any] = lambda: matrix_of(embedding)

    def build(self, shape: Shape) -> None:
        """Create the weights for a tap of this shape, batch first."""
        (spec,) = self.specs
        self._pooling = Pooling(shape[1:], spec.place) if spec.kind == "class" else None
        size = shape[-1] if self._pooling is None else self._pooling.size
        self.kernel = None if size == self._width else self._kernel("kernel", (size, self._width))
        self.bias = self._bias("bias", spec.size)
        self.built = True

    def call(self, features: Any, step_mask: Any = None) -> Any:
        """Return the logits, shape (batch, classes) or (batch, time, classes)."""
        if self._pooling is not None:
            features = self._pooling(features, step_mask)
        if self.kernel is not None:
            features = ops.matmul(features, self.kernel)
        rows = ops.take(ops.cast(self._matrix(), "float32"), ops.convert_to_tensor(self._rows, "int32"), axis=0)
        return ops.matmul(features, ops.transpose(rows)) + self.bias


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
        a time that varies.
    place : {"global", "grid"}
        ``"global"`` averages over all positions; a mask excludes steps. ``"grid"`` averages over the cells of a grid
        of at most `MAX_CELLS` along each axis and `MAX_FEATURES` in all; the time of a video is averaged.

    Attributes
    ----------
    size : int
        The number of features.
    """

    def __init__(self, shape: Shape, place: Place) -> None:
        self.grid = _grid(shape) if place == "grid" else ()
        self.size = prod(self.grid) * shape[-1]

    def __call__(self, features: Any, mask: Any = None) -> Any:
        """Return the features, shape (batch, size), in float32."""
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
            return _pool_axis(features, "gh,bhc->bgc", ops.shape(features)[1], self.grid[0])
        if len(features.shape) > 4:
            features = ops.mean(features, axis=tuple(range(1, len(features.shape) - 3)))
        rows = _pool_axis(features, "gh,bhwc->bgwc", ops.shape(features)[1], self.grid[0])
        return _pool_axis(rows, "gw,bhwc->bhgc", ops.shape(features)[2], self.grid[1])


def _grid(shape: Shape) -> tuple[int, ...]:
    """Return the cells along each axis: as many as positions, up to the limits."""
    cells = [min(length or MAX_CELLS, MAX_CELLS) for length in shape[-3:-1]]
    while prod(cells) * shape[-1] > MAX_FEATURES and max(cells, default=1) > 1:
        cells[cells.index(max(cells))] -= 1
    return tuple(cells)


def _pool_axis(features: Any, equation: str, length: Any, cells: int) -> Any:
    if isinstance(length, int) and length == cells:
        return features
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


def build_heads(
    specs: Mapping[str, TargetSpec],
    taps: Mapping[str, tuple[str, int, Shape]],
    seed: int,
    ties: Mapping[str, tuple[Tie, keras.Layer]],
    *,
    fused: bool = True,
) -> list[Head]:
    """Build the heads of all targets: those of one family on one tap share a head."""
    groups: dict[tuple[tuple[str, int, Shape], type[Head], str], list[TargetSpec]] = {}
    for name, spec in specs.items():
        family = TiedHead if name in ties else _family(spec, taps[name][2])
        # A decoder is a target's own, and so are an embedding's rows; a pooling is that of a place.
        part = name if family in (MapHead, TiedHead) or not fused else spec.place if family is SampleHead else ""
        groups.setdefault((taps[name], family, part), []).append(spec)
    heads = []
    for index, (((_, _, shape), family, _), together) in enumerate(groups.items()):
        tied = ties.get(together[0].name, ())
        head = family(together, seed + 10 * index, f"aux_head_{index}", *tied)
        head.build((None, *shape))
        heads.append(head)
    return heads


def _family(spec: TargetSpec, shape: Shape) -> type[Head]:
    if spec.kind == "image":
        return MapHead
    if spec.kind == "step_class":
        return StepHead
    if spec.kind == "step_vector":
        return StepHead if len(shape) == 2 and shape[0] in (None, spec.shape[0]) else MapHead
    return SampleHead
