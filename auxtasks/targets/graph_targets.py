"""What a fitted generator computes, on tensors: inside a training step or a `tf.data` pipeline."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.compute.checks import check_like_training
from auxtasks.compute.task import Task
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.scaling.scaling import Scaling

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator

_BEFOREHAND = "compute such targets beforehand, with make_aux_targets, or leave these tasks out of the generator."


def check_graph_form(generator: AuxTargetGenerator) -> None:
    """Refuse a generator of which some target cannot be computed on tensors.

    Parameters
    ----------
    generator : AuxTargetGenerator
        Fitted.

    Raises
    ------
    InvalidInputError
        If it makes targets of texts, of series of different lengths or of given columns, or has tasks that change the
        inputs or have no form for tensors; they are named.

    Examples
    --------
    >>> import auxtasks
    >>> check_graph_form(auxtasks.AuxTargetGenerator("signal", "std").fit([[1.0, 2.0], [3.0, 3.0]]))
    """
    if generator.domain == "text":
        raise InvalidInputError(f"targets of texts cannot be computed on tensors; {_BEFOREHAND}")
    if generator.length_ is not None:
        raise InvalidInputError(
            "this generator was fitted on series of different lengths, and in a padded batch nothing tells padding "
            f"from series; {_BEFOREHAND}"
        )
    if generator.given_:
        names = ", ".join(map(repr, generator.given_))
        raise InvalidInputError(f"given columns cannot be computed from inputs: {names}; {_BEFOREHAND}")
    changing = [task.name for task in generator.tasks_ if task.effect != "none"]
    if changing:
        raise InvalidInputError(
            f"tasks that change the inputs or add samples cannot be computed on tensors: "
            f"{', '.join(map(repr, changing))}; {_BEFOREHAND}"
        )
    without = [task.name for task in generator.tasks_ if task.graph is None]
    if without:
        raise InvalidInputError(
            f"tasks without a form for tensors: {', '.join(map(repr, without))}; {_BEFOREHAND} "
            "`auxtasks list` says which tasks have one."
        )


def graph_targets(generator: AuxTargetGenerator, x: Any) -> dict[str, Any]:
    """Compute the targets of a batch of tensors, scaled; see `AuxTargetGenerator.in_graph`.

    Parameters
    ----------
    generator : AuxTargetGenerator
        Fitted, and passed by `check_graph_form`.
    x : tensor, shape (n, ...)
        The batch.

    Returns
    -------
    dict of str to tensor of float32
        By the name of the target.

    Raises
    ------
    InvalidTypeError
        If `x` is a structure of several tensors.
    InvalidInputError
        If the shape of a sample is not known, or not that of the training inputs.

    Examples
    --------
    >>> import auxtasks, numpy as np
    >>> generator = auxtasks.AuxTargetGenerator("signal", "std").fit([[1.0, 3.0], [2.0, 2.0]])
    >>> graph_targets(generator, np.array([[0.0, 0.0]]))["std"].numpy()
    array([[-1.]], dtype=float32)
    """
    import tensorflow as tf

    X = _with_channels(generator, x)
    tasks = [task for task in generator.tasks_ if task.name in generator.specs_]
    # Targets are data: no gradient flows through them, also where the inputs depend on variables.
    return {task.name: tf.stop_gradient(_target(generator, task, X)) for task in tasks}


def _with_channels(generator: AuxTargetGenerator, x: Any) -> Any:
    """Return the batch as extractors read it: float32, with an axis of channels."""
    import tensorflow as tf

    if isinstance(x, (dict, list, tuple)):
        raise InvalidTypeError(
            f"`x` must be one tensor, from which the targets are computed; got a {type(x).__name__} of {len(x)}. For a "
            f"model with several inputs, {_BEFOREHAND}"
        )
    X = tf.convert_to_tensor(x)
    row_shape = generator.row_shape_
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
    X = tf.cast(X, tf.float32)
    if generator.domain != "any" and X.shape.rank == len(row_shape):
        X = X[..., tf.newaxis]
    check_like_training(tuple(X.shape[1:]), row_shape, generator.domain)
    return X


def _target(generator: AuxTargetGenerator, task: Task, X: Any) -> Any:
    """Compute, mark what is infinite as missing, and scale one target."""
    import tensorflow as tf

    if task.graph is None:
        raise InvalidInputError(f"task {task.name!r} has no form for tensors; {_BEFOREHAND}")
    values = task.graph(X, **task.arguments)
    natural = generator.shapes_[task.name]
    if tuple(values.shape[1:]) != natural:
        raise InvalidInputError(
            f"`x`: target {task.name!r} has shape {tuple(values.shape[1:])} for these inputs and had {natural} for the "
            "training inputs; bring the inputs to the shape of the training inputs (crop, pad or resize them)."
        )
    values = tf.where(tf.math.is_inf(values), np.nan, values)
    if generator.specs_[task.name].kind == "vector":
        values = tf.reshape(values, (-1, prod(natural)))
    scaling = generator.scalings_.get(task.name)
    return values if scaling is None else _scaled(values, scaling)


def _scaled(values: Any, scaling: Scaling) -> Any:
    import tensorflow as tf

    kept = list(scaling.kept)
    if len(kept) < values.shape[-1]:
        values = tf.gather(values, kept, axis=-1)
    if scaling.log1p:
        values = tf.math.log1p(values)
    mean, std = (np.asarray(part[kept], np.float32) for part in (scaling.mean, scaling.std))
    return (values - mean) / std
