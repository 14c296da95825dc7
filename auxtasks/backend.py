"""What depends on the backend that Keras runs on, TensorFlow, JAX or PyTorch, answered in one place.

Only where Keras runs on TensorFlow is TensorFlow imported, and where a data set of `tf.data` is handed in.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import reduce
from importlib import import_module
from typing import Any

import keras

from auxtasks.errors import InvalidInputError

NAME: str = keras.backend.backend()
"""``"tensorflow"``, ``"jax"`` or ``"torch"``."""
ON_TENSORFLOW = NAME == "tensorflow"
if ON_TENSORFLOW:
    import tensorflow as tf


def is_traced(value: Any) -> bool:
    """Tell whether a tensor stands for one of a run to come, so that its numbers cannot be read."""
    if ON_TENSORFLOW:
        return not tf.executing_eagerly()
    # Under JAX a variable holds numbers also while a function is traced, and what is computed from it has none.
    return is_symbolic(keras.ops.convert_to_tensor(value) + 0)


def is_symbolic(value: Any) -> bool:
    """Tell whether something is a tensor without numbers, as a function that is traced makes them."""
    if ON_TENSORFLOW:
        return bool(tf.is_symbolic_tensor(value))
    if NAME == "jax":
        import jax

        return isinstance(value, jax.core.Tracer)
    return getattr(getattr(value, "device", None), "type", "") == "meta"


def is_dense(value: Any) -> bool:
    """Tell whether something is a tensor of the backend that holds numbers, one for each place."""
    if ON_TENSORFLOW:
        return isinstance(value, tf.Tensor) and not is_symbolic(value)
    return keras.ops.is_tensor(value) and not is_symbolic(value)


def is_tf_dataset(data: Any) -> bool:
    """Tell whether something is a `tf.data.Dataset`; whoever has one has imported TensorFlow."""
    known = sys.modules.get("tensorflow")
    return known is not None and isinstance(data, known.data.Dataset)


def n_replicas() -> int:
    """Return on how many devices a step runs at once, each with a loss of its own.

    On JAX devices share one loss, and on PyTorch there is one.
    """
    if not ON_TENSORFLOW:
        return 1
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def n_replicas_of(model: keras.Model) -> int:
    """Return on how many devices a model is trained, outside of its steps as well."""
    return int(model.distribute_strategy.num_replicas_in_sync) if ON_TENSORFLOW else 1


def over_replicas(values: Any) -> Any:
    """Return a structure of tensors summed over the devices that train together; None stays None."""
    if n_replicas() == 1:
        return values
    context = tf.distribute.get_replica_context()
    return keras.tree.map_structure(
        lambda value: None if value is None else context.all_reduce(tf.distribute.ReduceOp.SUM, value), values
    )


def without_gradients() -> AbstractContextManager[None]:
    """Return a context in which PyTorch, which records all that is computed, does not."""
    if NAME != "torch":
        return nullcontext()
    import torch

    found: AbstractContextManager[None] = torch.no_grad()
    return found


@contextmanager
def without_retracing_warnings() -> Iterator[None]:
    """Leave out TensorFlow's warnings of functions that are traced again and again, until the block ends.

    It takes the functions that Keras makes for each model for one and the same, because their code is. Where many
    models are trained by intention, each of them is traced once.
    """
    logger = logging.getLogger("tensorflow")

    def is_other(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def as_dense(gradient: Any) -> Any:
    """Return a gradient as a tensor; TensorFlow gives that of an embedding by its rows."""
    if not ON_TENSORFLOW:
        return gradient
    return tf.convert_to_tensor(gradient)


def scaled_by(factor: Any, gradient: Any) -> Any:
    if ON_TENSORFLOW and isinstance(gradient, tf.IndexedSlices):
        values = tf.cast(factor, gradient.values.dtype) * gradient.values
        return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return keras.ops.cast(factor, gradient.dtype) * gradient


def added(gradients: Sequence[Any]) -> Any:
    """Return the sum of gradients, of which there is one at least."""
    if not ON_TENSORFLOW:
        return reduce(keras.ops.add, gradients)
    if not all(isinstance(part, tf.IndexedSlices) for part in gradients):
        return tf.add_n([tf.convert_to_tensor(part) for part in gradients])
    values, indices = (
        tf.concat(part, axis=0) for part in zip(*((part.values, part.indices) for part in gradients), strict=True)
    )
    return tf.IndexedSlices(values, indices, gradients[0].dense_shape)


def errors_of_inputs() -> tuple[type[Exception], ...]:
    """Return what layers raise of tensors that they cannot compute with."""
    if ON_TENSORFLOW:
        return ValueError, TypeError, tf.errors.OpError
    return ValueError, TypeError, RuntimeError, IndexError


def text_errors() -> tuple[type[Exception], ...]:
    """Return what layers that read texts raise of numbers, besides what they raise of a wrong shape."""
    if not ON_TENSORFLOW:
        return ()
    return (tf.errors.UnimplementedError,)


def shape_errors() -> tuple[type[Exception], ...]:
    """Return what layers raise of tensors of a wrong shape."""
    if ON_TENSORFLOW:
        return ValueError, tf.errors.InvalidArgumentError
    return ValueError, TypeError, RuntimeError


def check_tensorflow(argument: str, what: str, why: str, instead: str) -> None:
    """Refuse what TensorFlow alone can do, by the name of the argument that asks for it."""
    if not ON_TENSORFLOW:
        raise InvalidInputError(
            f"`{argument}`: {what} only on TensorFlow ({why}), but Keras runs on {NAME!r}. {instead}, or set the "
            "environment variable KERAS_BACKEND=tensorflow before Keras is imported."
        )


def version() -> str:
    return str(import_module(NAME).__version__)
