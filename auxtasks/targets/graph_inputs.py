"""Batches of tensors, checked before targets are computed from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.compute.checks import check_like_training
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.inputs.read import read_inputs

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator

BEFOREHAND = "compute such targets beforehand, with make_aux_targets, or leave these tasks out of the generator."
"""The way out of what cannot be computed on tensors."""


def checked_batch(generator: AuxTargetGenerator, x: Any) -> Any:
    """Return a batch as a tensor, after a look at its shape.

    Parameters
    ----------
    generator : AuxTargetGenerator
        Fitted.
    x : tensor or array, shape (n, ...)
        The batch.

    Returns
    -------
    tensor
        Of the same dtype.

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
    >>> checked_batch(generator, np.array([[0, 0]])).shape
    TensorShape([1, 2])
    """
    import tensorflow as tf

    if isinstance(x, (dict, list, tuple)):
        raise InvalidTypeError(
            f"`x` must be one tensor, from which the targets are computed; got a {type(x).__name__} of {len(x)}. For a "
            f"model with several inputs, {BEFOREHAND}"
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
    add_channel = generator.domain != "any" and X.shape.rank == len(row_shape)
    check_like_training((*X.shape[1:], *([1] if add_channel else [])), row_shape, generator.domain)
    return X


def compute_dtype(generator: AuxTargetGenerator, X: Any) -> np.dtype[np.floating]:
    """Return the dtype in which `AuxTargetGenerator.transform` computes from such a batch.

    Parameters
    ----------
    generator : AuxTargetGenerator
        Fitted.
    X : tensor, shape (n, ...)
        The batch, of which the shape of a sample is known.

    Returns
    -------
    dtype
        float32 or float64.

    Raises
    ------
    InvalidTypeError
        If it does not hold real numbers.

    Examples
    --------
    >>> import auxtasks, tensorflow as tf
    >>> generator = auxtasks.AuxTargetGenerator("signal", "std").fit([[1.0, 3.0], [2.0, 2.0]])
    >>> compute_dtype(generator, tf.zeros((1, 2), tf.float16)), compute_dtype(generator, tf.zeros((1, 2), tf.int64))
    (dtype('float32'), dtype('float64'))
    """
    # The door decides, on a sample of nothing but zeros.
    return read_inputs(np.zeros((1, *X.shape[1:]), X.dtype.as_numpy_dtype), generator.domain).compute
