"""Labels of which -1 is one, as those of hinge losses: NaN alone says that one is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from keras import tree


def any_floats(labels: Any) -> bool:
    """Tell whether any output has labels in floats, which can say "missing".

    Parameters
    ----------
    labels : ndarray, tensor or structure of these
        The labels of one output or of several.

    Returns
    -------
    bool
        Whether there is one.

    Examples
    --------
    >>> any_floats({"a": np.array([1.0]), "b": np.array([1])}), any_floats(np.array([1, -1]))
    (True, False)
    """
    return any(tf.as_dtype(part.dtype).is_floating for part in tree.flatten(labels))


def with_negative(labels: Any) -> Any:
    """Keep the -1 of integers a label: beside labels in floats they become floats too.

    Parameters
    ----------
    labels : ndarray, tensor or structure of these, or None
        The labels of one output or of several.

    Returns
    -------
    ndarray, tensor or structure of these, or None
        Unchanged where all are integers, among which no label is sought that is missing.

    Examples
    --------
    >>> with_negative({"a": np.array([1.0]), "b": np.array([-1])})["b"]
    array([-1.], dtype=float32)
    """
    if labels is None or not any_floats(labels):
        return labels
    return tree.map_structure(_as_floats, labels)


def _as_floats(labels: Any) -> Any:
    if tf.as_dtype(labels.dtype).is_floating:
        return labels
    return labels.astype("float32") if isinstance(labels, np.ndarray) else tf.cast(labels, tf.float32)
