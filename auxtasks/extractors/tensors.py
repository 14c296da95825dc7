"""One body for arrays and for tensors: the functions that both have by the same names.

A task computes on NumPy arrays when targets are made beforehand, and on tensors when they are made inside a training
step or a `tf.data` pipeline. A function written over `namespace` serves both, on each backend of Keras. In-place
arithmetic such as ``x -= y`` writes into arrays and PyTorch's tensors, and makes a new tensor elsewhere, so that it is
for what the function itself has made; ``out=`` and writing to parts of an array are for arrays only. Arithmetic between
a tensor and an array asks for `constant`; a function of `namespace` takes both.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def namespace(X: Any) -> Any:
    """Return the module whose functions take what `X` is.

    Parameters
    ----------
    X : ndarray or tensor
        What is to be computed on.

    Returns
    -------
    module
        `numpy` for an array; `keras.ops` for a tensor, of the functions that NumPy has too.

    Examples
    --------
    >>> namespace(np.ones(2)).sqrt(4.0).item()
    2.0
    """
    if isinstance(X, np.ndarray):
        return np
    from keras import ops

    return ops


def float_dtype(X: Any) -> np.dtype[np.floating]:
    """Return NumPy's dtype of an array or tensor of floats, for constants to be made in."""
    if isinstance(X, np.ndarray):
        dtype: np.dtype[np.floating] = X.dtype
    else:
        import keras

        dtype = np.dtype(keras.backend.standardize_dtype(X.dtype))
    return dtype


def constant(values: Any, *, like: Any) -> Any:
    """Return an array of numbers as what can be computed with an array or tensor of floats, in its dtype."""
    array = np.asarray(values, float_dtype(like))
    return array if isinstance(like, np.ndarray) else namespace(like).convert_to_tensor(array)


def as_floats(values: Any, *, like: Any) -> Any:
    """Convert an array or tensor to the dtype of another."""
    if isinstance(values, np.ndarray):
        return values.astype(like.dtype)
    return namespace(values).cast(values, like.dtype)
