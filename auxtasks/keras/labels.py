"""Missing main labels: which they are, and losses and metrics that leave them out.

Missing is -1 (any negative number) in signed integer labels and NaN in float labels. One missing entry makes a whole
row of a one-hot or vector label missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
        return y < 0
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
    rows = None
    for labels in tree.flatten(y):
        missing = find_missing(labels)
        if missing is None:
            return None
        if isinstance(missing, np.ndarray):
            here: Any = ~missing.reshape(len(missing), -1).all(axis=1)
        else:
            here = ~tf.reduce_all(missing, axis=tuple(range(1, len(missing.shape))))
        rows = here if rows is None else rows | here
    return rows


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


def mean_weights(present: Any, sample_weight: Any = None) -> Any:
    """Return weights under which Keras's mean over the batch is the mean over the labels present.

    Parameters
    ----------
    present : tensor of 0.0 and 1.0
        Which labels are present.
    sample_weight : tensor, optional
        Weights of the user, kept as factors.

    Returns
    -------
    tensor
        Of the shape of `present`; all zero where no label is present, all one where all are.
    """
    entries = ops.cast(ops.size(present), "float32")
    return metric_weights(present * ops.divide_no_nan(entries, ops.sum(present)), sample_weight)


def metric_weights(present: Any, sample_weight: Any = None) -> Any:
    """Return weights that leave missing labels out of a metric.

    Parameters
    ----------
    present : tensor
        Which labels are present, shape (batch,) or (batch, time).
    sample_weight : tensor, optional
        Weights of the user, shape (batch,), (batch, 1) or (batch, time), kept as factors.

    Returns
    -------
    tensor
        Of the shape of `present`.
    """
    if sample_weight is None:
        return present
    weight = ops.cast(sample_weight, "float32")
    if len(weight.shape) > len(present.shape):
        weight = ops.squeeze(weight, axis=-1)
    elif len(weight.shape) < len(present.shape):
        weight = ops.expand_dims(weight, -1)
    return present * weight


def without_missing(y: Any, y_pred: Any, sample_weight: Any, weigh: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    """Replace missing labels of one output or several, and weigh them out.

    Parameters
    ----------
    y, y_pred, sample_weight
        As `keras.Model.compute_loss` gets them; several outputs as mappings or sequences of the same form.
    weigh : callable
        From what is present and the user's weight to the weights to use: `mean_weights` or `metric_weights`.

    Returns
    -------
    tuple of labels, weights
        In the form of `y`.
    """
    if isinstance(y, Mapping):
        keys: Any = list(y)
    elif isinstance(y, (list, tuple)):
        keys = range(len(y))
    else:
        split = split_missing(y, tree.flatten(y_pred)[0])
        return split.safe, weigh(split.present, sample_weight)
    parts = {
        key: without_missing(y[key], _part(y_pred, key, index), _part(sample_weight, key, None), weigh)
        for index, key in enumerate(keys)
    }
    if isinstance(y, Mapping):
        return {key: part[0] for key, part in parts.items()}, {key: part[1] for key, part in parts.items()}
    return [part[0] for part in parts.values()], [part[1] for part in parts.values()]


def _part(values: Any, key: Any, index: int | None) -> Any:
    """Return the part of one output; an array of weights without parts serves every output, as in Keras."""
    if isinstance(values, Mapping):
        return values.get(key)
    if isinstance(values, (list, tuple)):
        return values[key if index is None else index]
    return values


def update_metrics(compiled: Any, y: Any, y_pred: Any, sample_weight: Any) -> None:
    """Update compiled metrics with the labels that are present.

    Keras gives the metrics of ``compile(metrics=...)`` no weights at all, and a missing label would count as a wrong
    one; so each is updated here with weights of 0 and 1.

    Parameters
    ----------
    compiled : CompileMetrics
        Keras's container of the compiled metrics.
    y, y_pred, sample_weight
        As `keras.Model.compute_metrics` gets them.
    """
    labels, present = without_missing(y, y_pred, None, metric_weights)
    _, weighted = without_missing(y, y_pred, sample_weight, metric_weights)
    if not compiled.built:
        compiled.build(labels, y_pred)
    outputs = compiled._flatten_y(y_pred)
    labels, present, weighted = (compiled._flatten_y(part) for part in (labels, present, weighted))
    for metrics, weights in ((compiled._flat_metrics, present), (compiled._flat_weighted_metrics, weighted)):
        for metric, label, output, weight in zip(metrics, labels, outputs, weights, strict=True):
            if metric is not None:
                metric.update_state(label, output, weight)
