"""Tensors of whichever backend Keras runs on, for the tests of what is computed on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from auxtasks.typing import Array

BACKEND = keras.backend.backend()


def compiled(function: Callable[[Any], Any], row_shape: tuple[int, ...], *, xla: bool = False) -> Callable[[Any], Any]:
    """Return a function as a training step runs it: in a graph on TensorFlow, in `jax.jit`, eagerly on PyTorch.

    The graph knows the number of samples no more than Keras does in `fit`.
    """
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, [tf.TensorSpec((None, *row_shape), tf.float32)], jit_compile=xla)
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    return function


def to_tensor(X: Array) -> Any:
    """Return an array as a tensor of single precision."""
    return keras.ops.convert_to_tensor(X, "float32")


def gradient_of(function: Callable[[Any], Any], X: Array) -> Array:
    """Return the gradient of a function, from a tensor to a number, at an array."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        at = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(at)
            found = function(at)
        return to_array(tape.gradient(found, at))
    if BACKEND == "jax":
        import jax

        return to_array(jax.grad(function)(to_tensor(X)))
    at = to_tensor(X).requires_grad_(True)
    function(at).backward()
    return to_array(at.grad)


def to_array(tensor: Any) -> Array:
    """Return a tensor as an array."""
    return np.asarray(keras.ops.convert_to_numpy(tensor))
