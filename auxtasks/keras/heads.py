"""Heads: the layers that predict targets from a tap.

Heads of the same family on one tap are one layer, so that eight tasks cost one matrix product. All outputs are linear;
`auxtasks.keras.losses` applies softmax and the like.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import keras
from keras import ops

from auxtasks.keras.pooling import Pooling
from auxtasks.keras.trial import Shape
from auxtasks.specs import TargetSpec


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

    def predict_from(self, features: Any, mask: Any = None) -> dict[str, Any]:
        """Return the linear outputs of each target, in the target's own shape (classes added last).

        Parameters
        ----------
        features : tensor
            The value of the tap.
        mask : tensor of bool, optional
            Which steps of it count.

        Returns
        -------
        dict of str to tensor
            By target.
        """
        joined = self(features, step_mask=mask)
        sizes = [spec.size for spec in self.specs]
        starts = [sum(sizes[:index]) for index in range(len(sizes))]
        return {
            spec.name: self._shaped(spec, joined[..., start : start + size])
            for spec, start, size in zip(self.specs, starts, sizes, strict=True)
        }

    def _shaped(self, spec: TargetSpec, output: Any) -> Any:
        if spec.kind == "distribution":
            return ops.reshape(output, (-1, *spec.shape))
        return output


class SampleHead(Head):
    """Predicts targets with one value, vector or class per sample: pooling, then one linear map for all of them."""

    def build(self, shape: Shape) -> None:
        """Create the weights for a tap of this shape, batch first."""
        self.pooling = Pooling(shape[1:], self.specs[0].place)
        self.kernel = self._kernel("kernel", (self.pooling.size, sum(spec.size for spec in self.specs)))
        self.bias = self._bias("bias", sum(spec.size for spec in self.specs))
        self.built = True

    def call(self, features: Any, step_mask: Any = None) -> Any:
        """Return the linear outputs of all targets, side by side, shape (batch, total size)."""
        return ops.matmul(self.pooling(features, step_mask), self.kernel) + self.bias


class StepHead(Head):
    """Predicts targets with one value or class per step, on a tap with the same steps."""

    def build(self, shape: Shape) -> None:
        """Create the weights for a tap of this shape, batch first."""
        self.kernel = self._kernel("kernel", (shape[-1], sum(spec.size for spec in self.specs)))
        self.bias = self._bias("bias", sum(spec.size for spec in self.specs))
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
