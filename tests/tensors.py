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


def to_array(tensor: Any) -> Array:
    """Return a tensor as an array."""
    return np.asarray(keras.ops.convert_to_numpy(tensor))
