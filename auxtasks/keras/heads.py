"""Heads: the layers that predict targets from a tap.

Heads of the same family on one tap are one layer, so that eight tasks cost one matrix product. All outputs are linear;
`auxtasks.keras.losses` applies softmax and the like. How large each head is, `auxtasks.keras.head_plans` decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil, prod
from typing import Any, NamedTuple

import keras
from keras import ops

from auxtasks.errors import InvalidInputError
from auxtasks.keras.private import matrix_in
from auxtasks.keras.trial import Shape
from auxtasks.specs import Spatial, TargetSpec


@dataclass(frozen=True)
class HeadSize:
    """How large a head is."""

    rank: int | None = None
    """That of the linear map from its features, where this is a product of two."""
    width: int = 0
    """The channels inside a decoder; 0 where a map is not decoded, but linear in all places of the tap."""
    components: Mapping[str, int] = field(default_factory=dict)
    """Of how many components a vector is put together, for those that are."""


class Head(keras.layers.Layer):
    """Base of the heads: float32 throughout, own seeds, and no mask passed on.

    It predicts the targets of `specs` in the order of its outputs. `seed` seeds the initial weights without touching
    the global random state.
    """

    def __init__(self, specs: Sequence[TargetSpec], seed: int, size: HeadSize) -> None:
        # Outputs are float32 also under mixed precision, as Keras advises for last layers.
        super().__init__(name=_name_of(specs), dtype="float32")
        self.specs = tuple(specs)
        self.size = size
        self.supports_masking = True
        self._seed = seed

    @classmethod
    def n_parameters(cls, shape: Shape, specs: Sequence[TargetSpec], size: HeadSize) -> int:
        """Return how many weights are trained in a head of this size, on a tap of this shape."""
        raise NotImplementedError

    @property
    def n_trained(self) -> int:
        """`n_parameters`, counted afterwards."""
        return sum(prod(variable.shape) for variable in self.trainable_variables)

    @classmethod
    def sizes(cls, shape: Shape, specs: Sequence[TargetSpec], components: Mapping[str, int]) -> Iterator[HeadSize]:
        """Go through the sizes that a head can have, from the largest on; `components` are those of wide vectors."""
        del shape, specs
        yield HeadSize()
        if components:
            yield HeadSize(components=components)
        for rank in range(MOST_RANK, 0, -1):
            yield HeadSize(rank, components=components)

    def set_components(self, components: Mapping[str, Any]) -> None:
        """Take the mean and the components of the vectors that are put together of these."""

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return no mask: what a head predicts has its own missing values."""

    def _kernel(self, name: str, shape: Shape, seed_offset: int = 0) -> Any:
        initializer = keras.initializers.GlorotUniform(seed=self._seed + seed_offset)
        return self.add_weight(name=name, shape=shape, initializer=initializer)

    def _bias(self, name: str, size: int) -> Any:
        return self.add_weight(name=name, shape=(size,), initializer="zeros")

    def _add_linear(self, n_features: int, n_outputs: int) -> None:
        rank = self.size.rank
        self.inner = None if rank is None else self._kernel("inner", (n_features, rank), 3)
        self.kernel = self._kernel("kernel", (rank or n_features, n_outputs))
        self.bias = self._bias("bias", n_outputs)

    def _linear(self, features: Any) -> Any:
        if self.inner is not None:
            features = ops.matmul(features, self.inner)
        return ops.matmul(features, self.kernel) + self.bias

    def predict_from(self, features: Any, mask: Any = None) -> dict[str, Any]:
        """Return the linear outputs of each target, in the target's own shape (classes added last)."""
        outputs = _split(self(features, step_mask=mask), [spec.size for spec in self.specs])
        return {
            spec.name: ops.reshape(output, (-1, *spec.shape)) if spec.kind == "distribution" else output
            for spec, output in zip(self.specs, outputs, strict=True)
        }


def _name_of(specs: Sequence[TargetSpec]) -> str:
    names = [spec.name for spec in specs[:3]]
    more = [f"and_{len(specs) - 3}_more"] if len(specs) > 3 else []
    # TensorFlow takes few characters in names, and Keras reads a slash as a path.
    return re.sub(r"[^\w.-]", "_", "_".join(["head", *names, *more]), flags=re.ASCII)


def _split(joined: Any, sizes: Sequence[int]) -> list[Any]:
    return [joined[..., end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]


def _n_linear(n_features: int, n_outputs: int, rank: int | None) -> int:
    product = n_features * n_outputs if rank is None else rank * (n_features + n_outputs)
    return product + n_outputs


class SampleHead(Head):
    """Predicts targets with one value, vector or class per sample: pooling, then one linear map for all of them.

    A vector may be put together of components, which do not change while the head is trained: of these it predicts
    how much of each there is.
    """

    @classmethod
    def n_parameters(cls, shape: Shape, specs: Sequence[TargetSpec], size: HeadSize) -> int:
        return _n_linear(Pooling(shape, specs[0].spatial).size, sum(_n_outputs(specs, size)), size.rank)

    def build(self, shape: Shape) -> None:
        self.pooling = Pooling(shape[1:], self.specs[0].spatial)
        self._add_linear(self.pooling.size, sum(_n_outputs(self.specs, self.size)))
        self.components = {
            spec.name: self.add_weight(
                name=f"components_{number}",
                shape=(1 + self.size.components[spec.name], spec.size),
                initializer="zeros",
                trainable=False,
            )
            for number, spec in enumerate(self.specs)
            if spec.name in self.size.components
        }

    def set_components(self, components: Mapping[str, Any]) -> None:
        for name, variable in self.components.items():
            variable.assign(components[name])

    def call(self, features: Any, step_mask: Any = None) -> Any:
        joined = self._linear(self.pooling(features, step_mask))
        if not self.components:
            return joined
        outputs = _split(joined, _n_outputs(self.specs, self.size))
        for place, spec in enumerate(self.specs):
            if spec.name in self.components:
                mean, axes = self.components[spec.name][:1], self.components[spec.name][1:]
                outputs[place] = ops.matmul(outputs[place], axes) + mean
        return ops.concatenate(outputs, axis=-1)


def _n_outputs(specs: Sequence[TargetSpec], size: HeadSize) -> list[int]:
    return [size.components.get(spec.name, spec.size) for spec in specs]


class StepHead(Head):
    """Predicts targets with one value or class per step, on a tap with the same steps."""

    @classmethod
    def n_parameters(cls, shape: Shape, specs: Sequence[TargetSpec], size: HeadSize) -> int:
        return _n_linear(shape[-1], sum(spec.size for spec in specs), size.rank)

    def build(self, shape: Shape) -> None:
        self._add_linear(shape[-1], sum(spec.size for spec in self.specs))

    def call(self, features: Any, step_mask: Any = None) -> Any:
        del step_mask  # the losses leave masked steps out
        return self._linear(features)


class MapHead(Head):
    """Predicts one target that is an image, or a series of other length than the tap.

    Where it may be large enough, it is linear in all places of the tap. Else it goes place by place, as it does where
    the target is far finer than the tap: the features of each place are mapped to a few hidden ones, these are brought
    to the grid of the target, and a small convolution reads it off. A tap without axes is first mapped to a coarse
    grid. A series is an image of width 1.
    """

    @classmethod
    def n_parameters(cls, shape: Shape, specs: Sequence[TargetSpec], size: HeadSize) -> int:
        (spec,) = specs
        if not size.width:
            return _n_linear(Pooling(shape, "grid").size, prod(spec.shape), size.rank)
        cells = prod(_coarse(spec)) if len(shape) == 1 else 1
        outer = (prod(_window(spec)) * size.width + 1) * spec.shape[-1]
        return _n_linear(shape[-1], cells * size.width, size.rank) + outer

    @classmethod
    def sizes(cls, shape: Shape, specs: Sequence[TargetSpec], components: Mapping[str, int]) -> Iterator[HeadSize]:
        del components  # a map has none
        if not _is_finer(specs[0], shape):
            yield HeadSize()
            for rank in range(MOST_RANK, LEAST_RANK_OF_MAPS - 1, -1):
                yield HeadSize(rank)
        for width in (32, 16, 8):
            yield HeadSize(width=width)
        for rank in range(128, 0, -1):
            yield HeadSize(rank, 8)

    def build(self, shape: Shape) -> None:
        (spec,) = self.specs
        width = self.size.width
        self._tap = shape[1:]
        self.pooling = None if width else Pooling(self._tap, "grid")
        if self.pooling is not None:
            self._add_linear(self.pooling.size, prod(spec.shape))
        else:
            self._coarse = _coarse(spec) if len(shape) == 2 else ()
            self._add_linear(shape[-1], prod(self._coarse) * width)
            self.outer = self._kernel("outer", (*_window(spec), width, spec.shape[-1]), 1)
            self.outer_bias = self._bias("outer_bias", spec.shape[-1])

    def call(self, features: Any, step_mask: Any = None) -> Any:
        """Return the target, shape (batch, height, width, channels) or (batch, time, channels)."""
        (spec,) = self.specs
        if self.pooling is not None:
            return ops.reshape(self._linear(self.pooling(features, step_mask)), (-1, *spec.shape))
        decoded = self._decoded(self._hidden(on_grid(features, self._tap)))  # the losses leave masked steps out
        return decoded if spec.kind == "image" else ops.squeeze(decoded, axis=2)

    def _hidden(self, features: Any) -> Any:
        """Return the hidden features of each place, shape (batch, rows, columns, width)."""
        rank = len(features.shape)
        if rank > 4:  # axes before the last three (the time of a video) are averaged
            features = ops.mean(features, axis=tuple(range(1, rank - 3)))
        hidden = ops.relu(self._linear(features))
        if rank == 2:
            return ops.reshape(hidden, (-1, *self._coarse, self.size.width))
        return ops.expand_dims(hidden, axis=2) if rank == 3 else hidden

    def _decoded(self, hidden: Any) -> Any:
        """Read the target off an enlarged map; what is far larger is enlarged once more."""
        grid = _grid_of(self.specs[0])
        between = (
            min(length, MOST_ENLARGED * (known or length))
            for length, known in zip(grid, hidden.shape[1:3], strict=True)
        )
        hidden = _resized(hidden, tuple(between))
        decoded = ops.conv(hidden, self.outer, padding="same", data_format="channels_last") + self.outer_bias
        return _resized(decoded, grid)

    def predict_from(self, features: Any, mask: Any = None) -> dict[str, Any]:
        return {self.specs[0].name: self(features, step_mask=mask)}


MOST_RANK = 256
LEAST_RANK_OF_MAPS = 64
"""At smaller ranks much of what a map teaches is lost."""
FINER = 2
"""A target with more than so many places for each of the tap is decoded."""
MOST_ENLARGED = 4
"""How many times a decoder enlarges its hidden map, along each axis."""


def _grid_of(spec: TargetSpec) -> tuple[int, int]:
    return (spec.shape[0], spec.shape[1] if spec.kind == "image" else 1)


def _is_finer(spec: TargetSpec, shape: Shape) -> bool:
    """Tell whether a target has far more places than the tap along some axis; a time that varies has any number."""
    known = shape[-3:-1] if spec.kind == "image" else shape[:-1]
    return any(length is None or cells > FINER * length for cells, length in zip(_grid_of(spec), known, strict=False))


def _coarse(spec: TargetSpec) -> tuple[int, ...]:
    """Return the grid that features without a place are mapped to."""
    return tuple(ceil(length / 4) for length in _grid_of(spec))


def _window(spec: TargetSpec) -> tuple[int, int]:
    return (3, 3) if spec.kind == "image" else (3, 1)


def _resized(grid: Any, size: tuple[int, ...]) -> Any:
    """Average a map where it is finer than asked for, and interpolate it where it is coarser."""
    for axis, length in enumerate(size, start=1):
        if (grid.shape[axis] or 0) > length:
            grid = averaged(grid, axis, length)
    if tuple(grid.shape[1:3]) == size:
        return grid
    return ops.image.resize(grid, size, interpolation="bilinear", data_format="channels_last")


class Tie(NamedTuple):
    """An embedding by its path in the model, the row of it that stands for each class, and the width of a row."""

    path: str
    rows: tuple[int, ...]
    width: int


def matrix_of(layer: keras.Layer) -> Any:
    """Return the vectors of an embedding layer, those of adapters (LoRA) added."""
    if getattr(layer, "quantization_mode", None) in ("int8", "int4"):
        raise InvalidInputError(
            f"`tie`: the embedding {layer.name!r} is quantised to {layer.quantization_mode}, and a head cannot use its "
            "rows; tie to one that is not."
        )
    matrix = matrix_in(layer)
    if len(getattr(matrix, "shape", ())) != 2:
        raise InvalidInputError(
            f"`tie`: layer {layer.name!r} is a {type(layer).__name__} and has no matrix of embeddings; give the name "
            "of a keras.layers.Embedding."
        )
    return matrix


class TiedHead(Head):
    """Predicts a class, per sample or per step, by the rows of an embedding of the model.

    The logit of class c is ``h @ E[row of c] + bias[c]``, where h is the tap (averaged over its axes for a class per
    sample), mapped by a kernel to the width of the embedding where that is another. The embedding stays a layer of the
    base alone.
    """

    def __init__(self, specs: Sequence[TargetSpec], seed: int, tie: Tie, embedding: keras.Layer) -> None:
        super().__init__(specs, seed, HeadSize())
        self._rows, self._width = tie.rows, tie.width
        # Keras does not look into a function, and would track and save the embedding once more.
        self._matrix: Callable[[], Any] = lambda: matrix_of(embedding)

    def build(self, shape: Shape) -> None:
        (spec,) = self.specs
        self._pooling = Pooling(shape[1:], spec.spatial) if spec.kind == "class" else None
        size = shape[-1] if self._pooling is None else self._pooling.size
        self.kernel = None if size == self._width else self._kernel("kernel", (size, self._width))
        self.bias = self._bias("bias", spec.size)

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
    """Averages a feature map over its axes (``"global"``), or over the cells of a coarse grid (``"grid"``).

    The shape is that of the tap without the batch, channels last: (c,), (time, c), (h, w, c) or (time, h, w, c); None
    for a time that varies. A map may come as the sequence of its places. A mask excludes steps. A grid has at most
    `MAX_CELLS` along each axis and `MAX_FEATURES` in all; the time of a video is averaged.
    """

    def __init__(self, shape: Shape, place: Spatial) -> None:
        self._shape = shape
        self.grid = _grid(shape) if place == "grid" else ()
        self.size = prod(self.grid) * shape[-1]
        """The number of features."""

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
