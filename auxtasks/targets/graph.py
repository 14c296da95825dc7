"""What a fitted generator computes, on tensors: inside a training step or a `tf.data` pipeline."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.optional import require
from auxtasks.targets.computing import check_like_training
from auxtasks.targets.fitted import Fitted
from auxtasks.targets.reading import read_inputs
from auxtasks.targets.scaling import Scaling
from auxtasks.targets.tasks import Task
from auxtasks.validation import as_numbers


def check_graph_form(fitted: Fitted) -> None:
    """Refuse a generator of which some target cannot be computed on tensors."""
    if fitted.domain == "text":
        raise InvalidInputError(f"targets of texts cannot be computed on tensors; {BEFOREHAND}")
    if fitted.columns:
        raise InvalidInputError(f"targets of columns by name cannot be computed on tensors; {BEFOREHAND}")
    if fitted.length is not None:
        raise InvalidInputError(
            "this generator was fitted on series of different lengths, and in a padded batch nothing tells padding "
            f"from series; {BEFOREHAND}"
        )
    if fitted.label_columns:
        names = ", ".join(map(repr, fitted.label_columns))
        raise InvalidInputError(f"label columns cannot be computed from inputs: {names}; {BEFOREHAND}")
    changing = [task.name for task in fitted.tasks if task.extractor.effect != "none"]
    if changing:
        raise InvalidInputError(
            f"tasks that change the inputs or add samples cannot be computed on tensors: "
            f"{', '.join(map(repr, changing))}; {BEFOREHAND}"
        )
    without = [task.name for task in fitted.tasks if task.extractor.tensor_function is None]
    if without:
        raise InvalidInputError(
            f"tasks without a form for tensors: {', '.join(map(repr, without))}; {BEFOREHAND} "
            "`auxtasks list` says which tasks have one."
        )


def graph_targets(fitted: Fitted, x: Any, *, as_transform: bool = False) -> dict[str, Any]:
    """Compute the targets of a batch of tensors, scaled; see `AuxTargetGenerator.in_graph`.

    With `as_transform` in the dtypes in which `AuxTargetGenerator.transform` computes, stores and scales.
    """
    tf = require("tensorflow", extra="keras")

    X = checked_batch(fitted, x)
    single: np.dtype[np.floating] = np.dtype(np.float32)
    compute = stored = scaled_in = single
    if as_transform:
        # The door decides, on a sample of nothing but zeros.
        compute = read_inputs(np.zeros((1, *X.shape[1:]), X.dtype.as_numpy_dtype), fitted.domain).compute
        stored, scaled_in = fitted.settings.dtype, np.dtype(np.float64)
    X = tf.cast(X, compute)
    if fitted.domain != "any" and X.shape.rank == len(fitted.row_shape):
        X = X[..., tf.newaxis]
    targets = {}
    for task in (task for task in fitted.tasks if task.name in fitted.specs):
        values, scaling = _target(fitted, task, X, stored), fitted.scalings.get(task.name)
        if scaling is not None:
            values = tf.cast(_scaled(tf.cast(values, scaled_in), scaling), stored)
        values = _without_infinite(values)
        # Targets are data: no gradient flows through them, also where the inputs depend on variables.
        targets[task.name] = tf.stop_gradient(values)
    return targets


def _target(fitted: Fitted, task: Task, X: Any, stored: np.dtype[np.floating]) -> Any:
    """Compute one target, unscaled."""
    tf = require("tensorflow", extra="keras")

    graph = task.extractor.tensor_function
    if graph is None:
        raise InvalidInputError(f"task {task.name!r} has no form for tensors; {BEFOREHAND}")
    values = tf.cast(graph(X, **task.arguments), stored)
    natural = fitted.shapes[task.name]
    if tuple(values.shape[1:]) != natural:
        raise InvalidInputError(
            f"`x`: target {task.name!r} has shape {tuple(values.shape[1:])} for these inputs and had {natural} for the "
            "training inputs; bring the inputs to the shape of the training inputs (crop, pad or resize them)."
        )
    return tf.reshape(values, (-1, prod(natural))) if fitted.specs[task.name].kind == "vector" else values


def _without_infinite(values: Any) -> Any:
    """Mark what is infinite as missing."""
    tf = require("tensorflow", extra="keras")

    if not values.dtype.is_floating:
        return values
    return tf.where(tf.math.is_inf(values), tf.constant(np.nan, values.dtype), values)


def _scaled(values: Any, scaling: Scaling) -> Any:
    tf = require("tensorflow", extra="keras")

    kept = list(scaling.kept)
    if len(kept) < values.shape[-1]:
        values = tf.gather(values, kept, axis=-1)
    mean, dtype = scaling.mean[kept], values.dtype.as_numpy_dtype
    # The mean comes off in two parts, the first as far as it is exact in the dtype of the values: near the mean nothing
    # is rounded then, and the digits of what varies are kept.
    centre = (np.expm1(mean) if scaling.log1p else mean).astype(dtype)
    exact = centre.astype(np.float64)
    difference = values - centre
    if scaling.log1p:
        # log1p(v) - log1p(c) = log1p((v - c) / (1 + c)), which has few digits far from c.
        near = tf.math.log1p(difference / (1 + centre))
        far = tf.math.log1p(values) - np.log1p(centre)
        difference, exact = tf.where(tf.abs(difference) < (1 + centre) / 2, near, far), np.log1p(exact)
    return (difference - (mean - exact).astype(dtype)) / scaling.std[kept].astype(dtype)


BEFOREHAND = "compute such targets beforehand, with make_aux_targets, or leave these tasks out of the generator."
"""The way out of what cannot be computed on tensors."""


def checked_batch(fitted: Fitted, x: Any) -> Any:
    """Return a batch as a tensor, after a look at its shape."""
    tf = require("tensorflow", extra="keras")

    if isinstance(x, (dict, list, tuple)):
        raise InvalidTypeError(
            f"`x` must be one tensor, from which the targets are computed; got a {type(x).__name__} of {len(x)}. For a "
            f"model with several inputs, {BEFOREHAND}"
        )
    X = tf.convert_to_tensor(x if hasattr(x, "__tf_tensor__") else as_numbers("x", x))
    if not (X.dtype.is_floating or X.dtype.is_integer or X.dtype.is_bool):
        raise InvalidTypeError(f"`x` must hold real numbers; found a tensor of dtype {X.dtype.name}.")
    row_shape = fitted.row_shape
    if X.shape.rank is not None and None in X.shape[1:]:
        # Windows of a series and padded batches are of one shape that TensorFlow does not know before it runs.
        trained = row_shape if X.shape.rank > len(row_shape) else row_shape[:-1]
        lengths = (known or length for known, length in zip(X.shape[1:], trained, strict=False))
        X = tf.ensure_shape(X, (None, *lengths)) if X.shape.rank == len(trained) + 1 else X
    if X.shape.rank is None or None in X.shape[1:]:
        raise InvalidInputError(
            f"`x` has shape {X.shape}, and the shape of a sample must be known to compute targets from it; set it, "
            f"such as by x.set_shape((None, {', '.join(map(str, row_shape))}))."
        )
    if tuple(X.shape) in (row_shape, row_shape[:-1]) and tuple(X.shape[1:]) not in (row_shape, row_shape[:-1]):
        raise InvalidInputError(
            f"`x` has shape {tuple(X.shape)}, that of one sample, and must be a batch of them; call .batch(n) on a "
            "tf.data.Dataset first, or pass x[None]."
        )
    add_channel = fitted.domain != "any" and X.shape.rank == len(row_shape)
    check_like_training((*X.shape[1:], *([1] if add_channel else [])), row_shape, fitted.domain)
    return X
