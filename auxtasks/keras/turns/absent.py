"""Labels that say of every sample that there is none."""

from __future__ import annotations

import numpy as np

from auxtasks.specs import TargetSpec
from auxtasks.typing import Array


def absent_targets(spec: TargetSpec, n: int) -> Array:
    """Return n missing targets.

    Parameters
    ----------
    spec : TargetSpec
        The target.
    n : int
        The number of samples.

    Returns
    -------
    ndarray, shape (n, ...)
        -1 of int64 for classes, -1.0 for multilabel targets, NaN of float32 for all others.

    Examples
    --------
    >>> absent_targets(TargetSpec("kind", "given", "class", (), n_classes=3), 2)
    array([-1, -1])
    """
    if spec.kind in ("class", "step_class"):
        return np.full((n, *spec.shape), -1, "int64")
    return np.full((n, *spec.shape), -1.0 if spec.kind == "multilabel" else np.nan, "float32")


def absent_labels(labels: Array, n: int) -> Array:
    """Return n missing labels of one output that look like some labels.

    Parameters
    ----------
    labels : ndarray
        Labels of the output, of which the dtype and the shape of a row are taken.
    n : int
        The number of samples.

    Returns
    -------
    ndarray, shape (n, ...)
        NaN for floats, -1 for others.

    Examples
    --------
    >>> absent_labels(np.array([3, 4], "uint8"), 1)
    array([-1])
    """
    like = with_sign(labels[:0])
    return np.full((n, *like.shape[1:]), np.nan if like.dtype.kind == "f" else -1, like.dtype)


def with_sign(labels: Array) -> Array:
    """Give labels a dtype that can say "missing"; signed integers and floats are returned as they are."""
    return labels if labels.dtype.kind in "if" else labels.astype("int64")
