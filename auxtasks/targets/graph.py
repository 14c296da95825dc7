"""What a fitted generator computes, on tensors of any Keras backend: inside a training step or a `tf.data` pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.extractors.tensors import constant, float_dtype, namespace
from auxtasks.optional import require
from auxtasks.targets.computing import check_like_training
from auxtasks.targets.fitted import Fitted
from auxtasks.targets.samples import read_inputs
from auxtasks.targets.scaling import Scaling
from auxtasks.targets.tasks import Task
from auxtasks.validation import as_numbers


def check_graph_form(fitted: Fitted) -> None:
    changing = [task.name for task in fitted.tasks if task.extractor.effect != "none"]
    apart = (
        "this generator was fitted on series of different lengths, and padding in a batch cannot be told from values"
    )
    for holds, why in (
        (fitted.domain == "text", "targets of texts cannot be computed on tensors"),
        (fitted.columns, "targets of columns by name cannot be computed on tensors"),
        (fitted.length is not None, apart),
        (fitted.label_columns, f"label columns cannot be computed from inputs: {_named(fitted.label_columns)}"),
        (changing, f"tasks that change the inputs or add samples cannot be computed on tensors: {_named(changing)}"),
    ):
        if holds:
            raise InvalidInputError(f"{why}; {BEFOREHAND}")
    without = [task.name for task in fitted.tasks if task.extractor.tensor_function is None]
    if without:
        raise InvalidInputError(
            f"tasks without a form for tensors: {_named(without)}; {BEFOREHAND} `auxtasks list` shows the tasks that "
            "have one."
        )


def _named(tasks: Iterable[str]) -> str:
    return ", ".join(map(repr, tasks))


def graph_targets(fitted: Fitted, x: Any, *, as_transform: bool = False) -> dict[str, Any]:
    """Compute the targets of a batch of tensors, scaled; see `AuxTargetGenerator.in_graph`.

    With `as_transform` in the dtypes in which `AuxTargetGenerator.transform` computes, stores and scales.
    """
    ops = require("keras.ops", extra="keras")
    X = checked_batch(fitted, _read(x))
    single: np.dtype[np.floating] = np.dtype(np.float32)
    compute = stored = scaled_in = single
    if as_transform:
        # The door decides, on a sample of nothing but zeros.
        compute = read_inputs(np.zeros((1, *X.shape[1:]), _dtype_name(X)), fitted.domain).compute
        stored, scaled_in = fitted.settings.dtype, np.dtype(np.float64)
    # Targets are data: no gradient flows through them, also where the inputs depend on variables.
    X = ops.stop_gradient(_as_tensor(X, compute))
    if fitted.domain != "any" and len(X.shape) == len(fitted.row_shape):
        X = X[..., None]
    targets = {}
    for task in (task for task in fitted.tasks if task.name in fitted.specs):
        values, scaling = _target(fitted, task, X, stored), fitted.scalings.get(task.name)
        if scaling is not None:
            values = ops.cast(_scaled(ops.cast(values, scaled_in), scaling), stored)
        # What is infinite is missing.
        targets[task.name] = ops.where(ops.isinf(values), np.nan, values)
    return targets


def _read(x: Any) -> Any:
    import keras

    if isinstance(x, (dict, list, tuple)):
        raise InvalidTypeError(
            f"`x` must be one tensor, from which the targets are computed; got a {type(x).__name__} of {len(x)}. For a "
            f"model with several inputs, {BEFOREHAND}"
        )
    is_tensor = isinstance(x, keras.Variable) or keras.ops.is_tensor(x)
    return keras.ops.convert_to_tensor(x) if is_tensor else as_numbers("x", x)


def _as_tensor(X: Any, dtype: np.dtype[np.floating]) -> Any:
    """Convert a batch to a tensor of floats; an array first to their dtype, which not every backend would round to."""
    from keras import ops

    if not isinstance(X, np.ndarray):
        return ops.cast(X, dtype)
    with np.errstate(over="ignore"):
        return ops.convert_to_tensor(X.astype(dtype))


def _target(fitted: Fitted, task: Task, X: Any, stored: np.dtype[np.floating]) -> Any:
    on_tensors: Any = task.extractor.tensor_function  # there is one, as was checked before
    ops = namespace(X)
    values = ops.cast(on_tensors(X, **task.arguments), stored)
    natural = fitted.shapes[task.name]
    if tuple(values.shape[1:]) != natural:
        raise InvalidInputError(
            f"`x`: target {task.name!r} has shape {tuple(values.shape[1:])} for these inputs and had {natural} for the "
            "training inputs; bring the inputs to the shape of the training inputs (crop, pad or resize them)."
        )
    return ops.reshape(values, (-1, prod(natural))) if fitted.specs[task.name].kind == "vector" else values


def _scaled(values: Any, scaling: Scaling) -> Any:
    ops, kept = namespace(values), list(scaling.kept)
    if len(kept) < values.shape[-1]:
        values = ops.take(values, kept, axis=-1)
    mean, dtype = scaling.mean[kept], float_dtype(values)
    # The mean comes off in two parts, the first as far as it is exact in the dtype of the values: near the mean nothing
    # is rounded then, and the digits of what varies are kept.
    centre = (np.expm1(mean) if scaling.log1p else mean).astype(dtype)
    exact = centre.astype(np.float64)
    difference = values - constant(centre, like=values)
    if scaling.log1p:
        # log1p(v) - log1p(c) = log1p((v - c) / (1 + c)), which has few digits far from c.
        near = ops.log1p(difference / constant(1 + centre, like=values))
        far = ops.log1p(values) - constant(np.log1p(centre), like=values)
        is_near = ops.abs(difference) < constant((1 + centre) / 2, like=values)
        difference, exact = ops.where(is_near, near, far), np.log1p(exact)
    return (difference - constant(mean - exact, like=values)) / constant(scaling.std[kept], like=values)


BEFOREHAND = "compute such targets beforehand, with make_aux_targets, or leave these tasks out of the generator."
"""The way out of what cannot be computed on tensors."""


def checked_batch(fitted: Fitted, X: Any) -> Any:
    """Return a batch, an array or a tensor, of a known shape, after a look at it."""
    if not _dtype_name(X).startswith(("bool", "int", "uint", "float", "bfloat")):
        raise InvalidTypeError(f"`x` must hold real numbers; found a tensor of dtype {_dtype_name(X)}.")
    row_shape = fitted.row_shape
    X = _of_static_shape(X, row_shape)
    shape = tuple(X.shape)
    if shape in (row_shape, row_shape[:-1]) and shape[1:] not in (row_shape, row_shape[:-1]):
        raise InvalidInputError(
            f"`x` has shape {shape}, the shape of one sample, but must be a batch; call .batch(n) on a "
            "tf.data.Dataset first, or pass x[None]."
        )
    add_channel = fitted.domain != "any" and len(shape) == len(row_shape)
    check_like_training((*shape[1:], *([1] if add_channel else [])), row_shape, fitted.domain)
    return X


def _dtype_name(X: Any) -> str:
    return getattr(X.dtype, "name", str(X.dtype)).removeprefix("torch.")


def _of_static_shape(X: Any, row_shape: tuple[int, ...]) -> Any:
    """Set the lengths of a sample that TensorFlow does not know before it runs; other backends know all of them."""
    rank = getattr(X.shape, "rank", len(X.shape) if isinstance(X.shape, tuple) else None)
    if rank is not None and None in X.shape[1:]:
        import tensorflow as tf

        # Windows of a series and padded batches are of one shape.
        trained = row_shape if rank > len(row_shape) else row_shape[:-1]
        lengths = (known or length for known, length in zip(X.shape[1:], trained, strict=False))
        X = tf.ensure_shape(X, (None, *lengths)) if rank == len(trained) + 1 else X
    if rank is None or None in X.shape[1:]:
        raise InvalidInputError(
            f"`x` has shape {X.shape}, and the shape of a sample must be known to compute targets from it; set it, "
            f"such as by x.set_shape((None, {', '.join(map(str, row_shape))}))."
        )
    return X
