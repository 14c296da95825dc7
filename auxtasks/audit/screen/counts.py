"""How the values of a target are spread, and how many are missing."""

from __future__ import annotations

import numpy as np

from auxtasks.specs import TargetSpec
from auxtasks.typing import Array


def entropy_of(spec: TargetSpec, target: Array) -> float:
    """Return how evenly the classes of a target occur.

    Parameters
    ----------
    spec : TargetSpec
        The target.
    target : ndarray
        Its values.

    Returns
    -------
    float
        Shannon's entropy over its largest value, ``log(n_classes)``: 0 for a single class, 1 where all are alike. NaN
        for other kinds, and without a value.

    Examples
    --------
    >>> entropy_of(TargetSpec("a", "a", "class", (), n_classes=2), np.array([0, 1, -1, 0, 1]))
    1.0
    """
    if spec.kind not in ("class", "step_class") or spec.n_classes is None or not (target >= 0).any():
        return float("nan")
    counts = np.unique(target[target >= 0], return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(max(spec.n_classes, 2)) + 0.0)


def missing_share(target: Array, lengths: Array | None = None) -> float:
    """Return the share of missing values, NaN or negative classes.

    Parameters
    ----------
    target : ndarray
        The values.
    lengths : ndarray of int, shape (n,), optional
        How many steps of each sample are not padding; what is missing in the padding does not count.

    Returns
    -------
    float
        From 0 to 1.

    Examples
    --------
    >>> missing_share(np.array([0, -1])), missing_share(np.array([0.5, -1.0]))
    (0.5, 0.0)
    """
    missing = np.isnan(target) if target.dtype.kind == "f" else target < 0
    if lengths is not None and missing.ndim > 1:
        missing = missing[np.arange(missing.shape[1]) < lengths[:, None]]
    return float(missing.mean()) if missing.size else 0.0
