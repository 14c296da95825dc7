"""The loss of guessing: what the best constant prediction costs on the training data."""

from __future__ import annotations

from math import prod

import numpy as np

from auxtasks.inputs.chunks import row_slices
from auxtasks.scaling.moments import Moments
from auxtasks.scaling.scaling import Scaling
from auxtasks.specs import Kind
from auxtasks.typing import Array

_CONSTANT = 1e-12
"""Nats below this are rounding: the labels are constant."""


def chance_of_labels(values: Array, kind: Kind, n_classes: int) -> float:
    """Compute the chance of a target that is not made of numbers with a unit.

    Parameters
    ----------
    values : ndarray
        The target: -1 or NaN where missing.
    kind : str
        ``"class"``, ``"step_class"``, ``"multilabel"`` or ``"distribution"``.
    n_classes : int
        The number of classes, for the first two.

    Returns
    -------
    float
        In nats; 0 where the target is constant or all of it is missing.

    Notes
    -----
    Classes: the entropy of their frequencies. Labels: the mean of their binary entropies, each weighted by how often
    the label is known. Distributions: the cross-entropy of the samples' mean, ``mean(-sum(p log(mean p)))``. Divided by
    the divergence alone, which is tiny where all samples are alike, their loss would drown every other.

    Examples
    --------
    >>> round(chance_of_labels(np.array([0, 1, -1]), "class", 2), 4)
    0.6931
    """
    chance = _chance(values, kind, n_classes)
    return chance if chance > _CONSTANT else 0.0


def chance_of_numbers(found: Moments, scaling: Scaling | None) -> float:
    """Compute the mean squared error of predicting the mean at every position.

    Parameters
    ----------
    found : Moments
        The statistics of every position.
    scaling : Scaling or None
        The scaling, if the target is trained in other units than its own.

    Returns
    -------
    float
        In the squared units that are trained: 1 for a scaled vector. For an image it is below 1 where pixels differ in
        their means, which a constant prediction knows too.

    Examples
    --------
    >>> chance_of_numbers(Moments(np.full(1, 2.0), np.ones(1), np.full(1, 8.0)), None)
    4.0
    """
    squares, count = found.squares, found.count
    if scaling is not None:
        kept = list(scaling.kept)
        squares, count = squares[..., kept] / scaling.std[kept] ** 2, count[..., kept]
    return float(squares.sum() / max(1.0, float(count.sum())))


def _chance(values: Array, kind: Kind, n_classes: int) -> float:
    if kind == "multilabel":
        return _binary_entropy(values)
    if kind == "distribution":
        return _cross_entropy(values)
    counts = np.bincount(values[values >= 0].ravel(), minlength=n_classes)
    share = counts / max(1, counts.sum())
    return float(-(share * _logs(share)).sum())


def _binary_entropy(values: Array) -> float:
    known = (values >= 0).sum(axis=0)
    share = (values > 0).sum(axis=0) / np.maximum(known, 1)
    entropy = -(share * _logs(share) + (1 - share) * _logs(1 - share))
    return float((known * entropy).sum() / max(1, known.sum()))


def _cross_entropy(values: Array) -> float:
    total = np.zeros(values.shape[1:])
    count = np.zeros(values.shape[1:-1])
    own = 0.0
    for rows in row_slices(len(values), 8 * prod(values.shape[1:])):
        block = values[rows].astype(np.float64)
        present = ~np.isnan(block).any(axis=-1)
        block[~present] = 0.0
        total += block.sum(axis=0)
        count += present.sum(axis=0)
        own += float((block * _logs(block)).sum())
    # The mean of -sum p log m is -sum m log m, because the mean of p is m.
    mean = total / np.maximum(count, 1)[..., np.newaxis]
    of_mean = float((count * (mean * _logs(mean)).sum(axis=-1)).sum())
    n = max(1.0, float(count.sum()))
    # Without divergence from the mean all are equal, and there is nothing to learn.
    return -of_mean / n if (own - of_mean) / n > _CONSTANT else 0.0


def _logs(p: Array) -> Array:
    """Return log(p), and 0 for p = 0, where p log p has the limit 0."""
    return np.log(np.where(p > 0, p, 1.0))
