"""Missing main labels: which they are.

Missing is -1 in signed integer labels and NaN in float labels. One missing entry makes a whole row of a one-hot or
vector label missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from keras import ops, tree


class Labels(NamedTuple):
    """The labels of one output made safe for arithmetic, and 1.0 where they are present, 0.0 where not."""

    safe: Any
    present: Any


def find_missing(y: Any) -> Any:
    """Tell which entries of labels are missing.

    Parameters
    ----------
    y : ndarray or tensor
        The labels of one output.

    Returns
    -------
    ndarray or tensor of bool, or None
        None for a dtype that cannot say "missing": unsigned integers, booleans, strings.
    """
    dtype = tf.as_dtype(y.dtype)
    if dtype.is_integer and not dtype.is_unsigned:
        return y == -1
    if dtype.is_floating:
        return y != y  # NaN, in NumPy and in tensors alike
    return None


def labelled_rows(y: Any) -> Any:
    """Tell which samples have a main label.

    Parameters
    ----------
    y : ndarray, tensor or structure of these
        The labels of one output or of several.

    Returns
    -------
    ndarray or tensor of bool, shape (n,), or None
        True where at least one entry of one output is present; None if no dtype of `y` can say "missing".
    """
    parts = tree.flatten(y)
    if all(find_missing(labels) is None for labels in parts):
        return None
    return reduce(lambda some, others: some | others, map(present_rows, parts))


def present_rows(labels: Any) -> Any:
    """Tell which rows of one output have an entry.

    Parameters
    ----------
    labels : ndarray or tensor
        The labels of one output, or a target.

    Returns
    -------
    ndarray or tensor of bool, shape (n,)
        All True where the dtype cannot say "missing".

    Examples
    --------
    >>> present_rows(np.array([[1.0, np.nan], [np.nan, np.nan]])).tolist(), present_rows(np.array([-1, 2])).tolist()
    ([True, False], [False, True])
    """
    missing = find_missing(labels)
    if missing is None:
        return np.ones(len(labels), bool) if isinstance(labels, np.ndarray) else tf.ones(tf.shape(labels)[:1], tf.bool)
    if isinstance(missing, np.ndarray):
        return ~missing.reshape(len(missing), -1).all(axis=1)
    return ~tf.reduce_all(missing, axis=tuple(range(1, len(missing.shape))))


def any_missing(y: Any) -> bool:
    """Tell whether any entry of any output is missing.

    Parameters
    ----------
    y : ndarray or structure of ndarrays
        The labels of one output or of several.

    Returns
    -------
    bool
        False also where no dtype of `y` can say "missing".
    """
    found = [find_missing(labels) for labels in tree.flatten(y)]
    return any(missing is not None and bool(np.any(missing)) for missing in found)


def split_missing(y: Any, y_pred: Any) -> Labels:
    """Replace the missing labels of one output, and tell which were present.

    Parameters
    ----------
    y : tensor
        The labels.
    y_pred : tensor
        The output they belong to.

    Returns
    -------
    Labels
        ``present`` has one entry per sample, or per step for labels per step.
    """
    missing = find_missing(y)
    if missing is None:
        return Labels(y, ops.ones(ops.shape(y)[:1], "float32"))
    has_feature_axis = len(y.shape) > 1 and len(y.shape) == len(y_pred.shape)
    row_missing = ops.any(missing, axis=-1) if has_feature_axis else missing
    return Labels(ops.where(missing, ops.zeros_like(y), y), ops.cast(ops.logical_not(row_missing), "float32"))


def class_weights(y: Any, weights: Mapping[int, float]) -> Any:
    """Return the weight of each sample's class; samples of other classes, or of none, weigh 1.

    Keras looks the classes up in a table, which fails for missing labels.

    Parameters
    ----------
    y : ndarray or tensor
        Class numbers, or one-hot rows.
    weights : mapping of int to float
        The weight of each class.

    Returns
    -------
    ndarray or tensor of float32, shape (n,)
        The weights.
    """
    # The modules have the same functions; tensors are met inside tf.data, which NumPy cannot read.
    xp: Any = np if isinstance(y, np.ndarray) else ops
    classes = xp.argmax(y, axis=-1) if len(y.shape) > 1 and y.shape[-1] != 1 else xp.reshape(y, (-1,))
    classes = xp.round(classes)
    found = xp.ones_like(classes, dtype="float32")
    for number, weight in weights.items():
        found = xp.where(classes == number, np.float32(weight), found)
    return found
