"""The variables that tasks share, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from auxtasks.keras.layers import walk


@dataclass(frozen=True)
class Trunk:
    """The trainable variables of a base model.

    Parameters
    ----------
    variables : list of tf.Variable
        In the order of the model.
    layers : list of int
        For each variable the number of the layer that holds it, from 0; all 0 where layers are not told apart.
    """

    variables: list[Any]
    layers: list[int]

    @classmethod
    def of(cls, base: keras.Model, by_layer: bool) -> Trunk:
        """Take the variables of a model, and the innermost layer of each if layers are told apart."""
        variables = base.trainable_variables
        owners: dict[int, int] = {}
        for number, (_, layer) in enumerate(walk(base)):
            owners |= {id(variable): number for variable in layer.trainable_variables}
        found = [owners.get(id(variable), -1) if by_layer else 0 for variable in variables]
        numbers = {owner: number for number, owner in enumerate(dict.fromkeys(found))}
        return cls([variable.value for variable in variables], [numbers[owner] for owner in found])

    @property
    def n_layers(self) -> int:
        """How many layers are told apart; 1 where they are not."""
        return max(self.layers, default=0) + 1


def dense(gradients: Sequence[Any]) -> list[Any]:
    """Return gradients as tensors, those of embeddings too; None stays None."""
    return [None if gradient is None else tf.convert_to_tensor(gradient) for gradient in gradients]


def over_replicas(values: Any) -> Any:
    """Return a structure of tensors summed over the devices that train together; None stays None."""
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return values
    context = tf.distribute.get_replica_context()
    return keras.tree.map_structure(
        lambda value: None if value is None else context.all_reduce(tf.distribute.ReduceOp.SUM, value), values
    )


def inner(one: Any, other: Any) -> Any:
    """Return the inner product of two tensors, in float32."""
    return tf.reduce_sum(tf.cast(one, tf.float32) * tf.cast(other, tf.float32))


def total(values: Sequence[Any]) -> Any:
    """Return the sum of numbers, 0 of none."""
    return tf.add_n(list(values)) if values else tf.zeros(())


def joined(parts: Sequence[tuple[Any, Any]]) -> Any:
    """Return the sum of gradients, each times its factor.

    Parameters
    ----------
    parts : sequence of (factor, gradient)
        Gradients of one variable; factors of shape (), or None for 1.

    Returns
    -------
    tensor, tf.IndexedSlices or None
        Slices where all are: optimizers treat the rows of an embedding that a batch does not hold in their own way.
    """
    scaled = [gradient if factor is None else _scaled(factor, gradient) for factor, gradient in parts]
    if len(scaled) < 2:
        return scaled[0] if scaled else None
    if all(isinstance(part, tf.IndexedSlices) for part in scaled):
        values, indices = (
            tf.concat(part, axis=0) for part in zip(*((s.values, s.indices) for s in scaled), strict=True)
        )
        return tf.IndexedSlices(values, indices, scaled[0].dense_shape)
    return tf.add_n(dense(scaled))


def _scaled(factor: Any, gradient: Any) -> Any:
    if isinstance(gradient, tf.IndexedSlices):
        values = tf.cast(factor, gradient.values.dtype) * gradient.values
        return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return tf.cast(factor, gradient.dtype) * gradient
