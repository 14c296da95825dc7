"""Metrics of what a classifier is sure of: the areas under its curves, and the logarithmic loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from auxtasks.audit.metrics.evidence import Evidence
from auxtasks.optional import require
from auxtasks.typing import Array, Floats

_TOLERANCE = 0.01
"""How far from 1 the probabilities of a sample may add up to and still count as rounded; half precision needs it."""


def area_of_each_class(name: Literal["roc_auc", "average_precision"]) -> Callable[[Evidence], Floats]:
    """Make a metric that is an area under a curve, one class against the rest.

    Parameters
    ----------
    name : {"roc_auc", "average_precision"}
        The area: under the ROC curve, or under that of precision against recall as average precision has it.

    Returns
    -------
    callable
        From evidence to an array, in the order of its classes (in a binary problem, of class 1 alone); NaN where the
        test part holds no sample of the class, or no other.
    """

    def compute(found: Evidence) -> Floats:
        metric = getattr(require("sklearn.metrics", extra="sklearn"), f"{name}_score")
        members = found.members
        columns = [0] if found.problem == "binary" else list(found.classes)
        return np.array([_area(metric, members[:, column], found.scores[:, column]) for column in columns])

    return compute


def mean_area(name: Literal["roc_auc", "average_precision"]) -> Callable[[Evidence], float]:
    """Make the mean of such areas over the classes.

    Parameters
    ----------
    name : {"roc_auc", "average_precision"}
        The area.

    Returns
    -------
    callable
        From evidence to a number; NaN where the area of any class is.
    """
    of_each = area_of_each_class(name)

    def compute(found: Evidence) -> float:
        return float(of_each(found).mean())

    return compute


def log_loss(found: Evidence) -> float:
    """Mean negative logarithm of the probability of what is true; of labels, the mean over all columns.

    NaN where outputs are not probabilities: margins, values outside [0, 1] and rows that do not add up to 1.
    """
    scores = found.scores
    if not found.are_probabilities or scores.min() < 0 or scores.max() > 1 + _TOLERANCE:
        return float("nan")
    metric = require("sklearn.metrics", extra="sklearn").log_loss
    if found.problem == "multiclass":
        totals = scores.sum(axis=1, keepdims=True)
        if np.abs(totals - 1).max() > _TOLERANCE:
            return float("nan")
        return float(metric(found.truth, scores / totals, labels=np.arange(scores.shape[1])))
    yes = np.minimum(scores, 1)
    columns = zip(found.members.T, yes.T, strict=True)
    return float(np.mean([metric(member, chance, labels=[False, True]) for member, chance in columns]))


def _area(metric: Any, member: Array, score: Floats) -> float:
    return float(metric(member, score)) if member.any() and not member.all() else float("nan")
