"""What a fitted generator computes, on tensors: inside a training step or a `tf.data` pipeline."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.compute.task import Task
from auxtasks.errors import InvalidInputError
from auxtasks.scaling.scaling import Scaling
from auxtasks.targets.graph_inputs import BEFOREHAND, checked_batch, compute_dtype

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator


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
        raise InvalidInputError(f"targets of texts cannot be computed on tensors; {BEFOREHAND}")
    if generator.length_ is not None:
        raise InvalidInputError(
            "this generator was fitted on series of different lengths, and in a padded batch nothing tells padding "
            f"from series; {BEFOREHAND}"
        )
    if generator.given_:
        names = ", ".join(map(repr, generator.given_))
        raise InvalidInputError(f"given columns cannot be computed from inputs: {names}; {BEFOREHAND}")
    changing = [task.name for task in generator.tasks_ if task.effect != "none"]
    if changing:
        raise InvalidInputError(
            f"tasks that change the inputs or add samples cannot be computed on tensors: "
            f"{', '.join(map(repr, changing))}; {BEFOREHAND}"
        )
    without = [task.name for task in generator.tasks_ if task.graph is None]
    if without:
        raise InvalidInputError(
            f"tasks without a form for tensors: {', '.join(map(repr, without))}; {BEFOREHAND} "
            "`auxtasks list` says which tasks have one."
        )


def graph_targets(generator: AuxTargetGenerator, x: Any, *, as_transform: bool = False) -> dict[str, Any]:
    """Compute the targets of a batch of tensors, scaled; see `AuxTargetGenerator.in_graph`.

    Parameters
    ----------
    generator : AuxTargetGenerator
        Fitted, and passed by `check_graph_form`.
    x : tensor, shape (n, ...)
        The batch.
    as_transform : bool
        Whether to compute in the dtypes of `AuxTargetGenerator.transform`, float64 among them, which a processor has
        and an accelerator may not; else all is float32.

    Returns
    -------
    dict of str to tensor
        By the name of the target; of float32, or of the generator's dtype.

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

    X = checked_batch(generator, x)
    X = tf.cast(X, compute_dtype(generator, X) if as_transform else tf.float32)
    if generator.domain != "any" and X.shape.rank == len(generator.row_shape_):
        X = X[..., tf.newaxis]
    tasks = [task for task in generator.tasks_ if task.name in generator.specs_]
    # Targets are data: no gradient flows through them, also where the inputs depend on variables.
    return {task.name: tf.stop_gradient(_target(generator, task, X, as_transform)) for task in tasks}


def _target(generator: AuxTargetGenerator, task: Task, X: Any, as_transform: bool) -> Any:
    """Compute, mark what is infinite as missing, and scale one target."""
    import tensorflow as tf

    if task.graph is None:
        raise InvalidInputError(f"task {task.name!r} has no form for tensors; {BEFOREHAND}")
    stored, scaled_in = (np.dtype(generator.dtype), tf.float64) if as_transform else (np.dtype(np.float32), tf.float32)
    values = tf.cast(task.graph(X, **task.arguments), stored)
    natural = generator.shapes_[task.name]
    if tuple(values.shape[1:]) != natural:
        raise InvalidInputError(
            f"`x`: target {task.name!r} has shape {tuple(values.shape[1:])} for these inputs and had {natural} for the "
            "training inputs; bring the inputs to the shape of the training inputs (crop, pad or resize them)."
        )
    values = tf.where(tf.math.is_inf(values), tf.constant(np.nan, stored), values)
    if generator.specs_[task.name].kind == "vector":
        values = tf.reshape(values, (-1, prod(natural)))
    scaling = generator.scalings_.get(task.name)
    return values if scaling is None else tf.cast(_scaled(tf.cast(values, scaled_in), scaling), stored)


def _scaled(values: Any, scaling: Scaling) -> Any:
    import tensorflow as tf

    kept = list(scaling.kept)
    if len(kept) < values.shape[-1]:
        values = tf.gather(values, kept, axis=-1)
    if scaling.log1p:
        values = tf.math.log1p(values)
    mean, std = (np.asarray(part[kept], values.dtype.as_numpy_dtype) for part in (scaling.mean, scaling.std))
    return (values - mean) / std
