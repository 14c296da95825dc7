"""Losses of auxiliary targets: one sum and one count per task, over what is present.

Missing targets are replaced before the arithmetic. Replaced afterwards, their NaN would survive in the gradient,
because zero times NaN is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from auxtasks.specs import TargetSpec


class Total(NamedTuple):
    """The sum of a loss over present entries, and how many entries were present."""

    loss: Any
    count: Any


Entries = Callable[[Any, Any], tuple[Any, Any]]
"""From a target and the linear output of a head to the loss of every entry, and which are present."""


def loss_of(
    spec: TargetSpec, target: Any, output: Any, mask: Any = None, weight: Any = None, entries: Entries | None = None
) -> Total:
    """Return the loss of one target.

    Parameters
    ----------
    spec : TargetSpec
        The target; its kind chooses the loss.
    target : tensor
        The batch of targets; NaN (numbers) or negative (classes) where missing.
    output : tensor
        The head's linear outputs.
    mask : tensor of bool, shape (batch, time), optional
        Steps that count, for the per-step kinds. Where output and target have other numbers of steps, as texts padded
        batch by batch have, the first of both are compared.
    weight : tensor, shape (batch,), optional
        Sample weights; for the kinds with classes per step and labels also of each entry. As in Keras they multiply the
        losses and leave the count alone.
    entries : callable, optional
        Another loss than that of the kind.

    Returns
    -------
    Total
        Sum and count over all present entries of the batch.
    """
    per_step = spec.kind in ("step_class", "step_vector")
    if per_step:
        n_steps = ops.shape(target)[1]
        target, output, mask = same_steps(target, output, mask)
        weight = weight if weight is None or len(weight.shape) < 2 else _cut(weight, ops.shape(target)[1], n_steps)
    values, present = (entries or LOSSES[spec.kind])(target, output)
    if mask is not None and per_step:
        present = ops.logical_and(present, _broadcast(ops.cast(mask, "bool"), present))
    values = ops.where(present, values, 0.0)
    if weight is not None:
        values = values * _broadcast(ops.cast(weight, values.dtype), values)
    return Total(ops.sum(values), ops.sum(ops.cast(present, "float32")))


def losses_of_vectors(sizes: Sequence[int], target: Any, output: Any, weight: Any = None) -> Total:
    """Return the losses of several vectors that lie side by side, in one expression.

    Parameters
    ----------
    sizes : sequence of int
        The number of columns of each vector.
    target, output : tensor, shape (batch, sum of sizes)
        Targets, NaN where missing, and predictions.
    weight : tensor, shape (batch, number of vectors), optional
        Sample weights of each vector.

    Returns
    -------
    Total
        Sums and counts, each of shape (number of vectors,).
    """
    squared, present = _squared_error(target, output)
    owner = np.repeat(np.eye(len(sizes), dtype="float32"), sizes, axis=0)
    if weight is not None:
        squared = squared * ops.matmul(ops.cast(weight, squared.dtype), ops.convert_to_tensor(owner.T))
    sums = ops.stack([ops.sum(squared, axis=0), ops.sum(ops.cast(present, "float32"), axis=0)])
    loss, count = ops.unstack(ops.matmul(sums, ops.convert_to_tensor(owner)))
    return Total(loss, count)


def same_steps(target: Any, output: Any, mask: Any) -> tuple[Any, Any, Any]:
    """Cut to the steps that both have; what the target has beyond these is padding, and what the output has unknown."""
    found, expected = ops.shape(output)[1], ops.shape(target)[1]
    if isinstance(found, int) and found == expected:
        return target, output, mask
    steps = ops.minimum(found, expected)
    return target[:, :steps], output[:, :steps], None if mask is None else mask[:, :steps]


def _cut(values: Any, steps: Any, found: Any) -> Any:
    return values if isinstance(steps, int) and steps == found else values[:, :steps]


def _broadcast(narrow: Any, wide: Any) -> Any:
    """Add axes to a per-sample or per-step tensor until it spreads over a wider one."""
    return ops.reshape(narrow, (*ops.shape(narrow), *[1] * (len(wide.shape) - len(narrow.shape))))


def _squared_error(target: Any, output: Any) -> tuple[Any, Any]:
    target = ops.cast(target, "float32")
    present = ops.logical_not(ops.isnan(target))
    return ops.square(ops.where(present, output - ops.where(present, target, 0.0), 0.0)), present


def _cross_entropy(target: Any, output: Any) -> tuple[Any, Any]:
    target = ops.cast(target, "int32")
    present = target >= 0
    return ops.sparse_categorical_crossentropy(ops.maximum(target, 0), output, from_logits=True), present


def _binary_cross_entropy(target: Any, output: Any) -> tuple[Any, Any]:
    target = ops.cast(target, "float32")
    present = target >= 0  # neither -1 nor NaN
    return ops.softplus(output) - output * ops.where(present, target, 0.0), present


def _distribution_cross_entropy(target: Any, output: Any) -> tuple[Any, Any]:
    target = ops.cast(target, "float32")
    present = ops.logical_not(ops.any(ops.isnan(target), axis=-1))
    target = ops.where(ops.expand_dims(present, -1), target, 0.0)
    return -ops.sum(target * ops.log_softmax(output, axis=-1), axis=-1), present


LOSSES: dict[str, Entries] = {
    "vector": _squared_error,
    "step_vector": _squared_error,
    "image": _squared_error,
    "class": _cross_entropy,
    "step_class": _cross_entropy,
    "multilabel": _binary_cross_entropy,
    "distribution": _distribution_cross_entropy,
}
