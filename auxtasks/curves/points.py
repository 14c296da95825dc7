"""The points of curves and the areas under them, computed by scikit-learn; means over classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from auxtasks.curves.classes import ClassDecisions
from auxtasks.optional import require
from auxtasks.typing import Floats


class Curve(NamedTuple):
    """Points, and the area that is told beside them."""

    x: Floats
    y: Floats
    area: float


def roc(found: ClassDecisions) -> Curve:
    """Return the true positive rate over the false positive rate, and the area under it.

    Examples
    --------
    >>> members, scores = np.array([False, True, True]), np.array([0.1, 0.4, 0.3])
    >>> roc(ClassDecisions("a", members, scores, scores > 0.5)).area
    1.0
    """
    metrics = require("sklearn.metrics", extra="sklearn")
    x, y, _ = metrics.roc_curve(found.members, found.scores)
    return Curve(x, y, float(metrics.auc(x, y)))


def precision_recall(found: ClassDecisions) -> Curve:
    """Return precision over recall, which falls from 1 to 0, and the average precision."""
    metrics = require("sklearn.metrics", extra="sklearn")
    precision, recall, _ = metrics.precision_recall_curve(found.members, found.scores)
    return Curve(recall, precision, float(metrics.average_precision_score(found.members, found.scores)))


def pooled(classes: Sequence[ClassDecisions]) -> ClassDecisions:
    """Return the decisions on all classes as if they were of one: the micro mean.

    Parameters
    ----------
    classes : sequence of ClassDecisions
        The classes.

    Returns
    -------
    ClassDecisions
        Named ``"micro"``.
    """
    parts = ("members", "scores", "predicted")
    return ClassDecisions("micro", *(np.concatenate([getattr(each, part) for each in classes]) for part in parts))


def mean_roc(curves: Sequence[Curve]) -> Curve:
    """Return the mean of ROC curves at each false positive rate, and the mean of the areas: the macro mean.

    Examples
    --------
    >>> curve = Curve(np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 1.0]), 0.75)
    >>> mean_roc([curve, curve]).y.tolist()
    [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    """
    x = np.unique(np.concatenate([curve.x for curve in curves]))
    # Curves rise upright in places: from the value on the left to that on the right, which is the later point.
    right = np.mean([np.interp(x, curve.x, curve.y) for curve in curves], axis=0)
    left = np.mean([np.interp(-x, -curve.x[::-1], curve.y[::-1]) for curve in curves], axis=0)
    y = np.stack([left, right], axis=1).ravel()
    return Curve(np.repeat(x, 2), y, float(np.mean([curve.area for curve in curves])))


def mean_precision_recall(curves: Sequence[Curve]) -> Curve:
    """Return the mean precision at each recall, and the mean of the average precisions: the macro mean.

    The precision at a recall between two points is that of the point above, as average precision has it.

    Examples
    --------
    >>> curve = Curve(np.array([1.0, 0.5, 0.0]), np.array([0.6, 0.8, 1.0]), 0.7)
    >>> mean_precision_recall([curve, curve]).y.round(2).tolist()
    [0.6, 0.8, 1.0]
    """
    recall = np.unique(np.concatenate([curve.x for curve in curves]))
    # Points come with falling recall; of those with equal recall the one of the highest threshold counts.
    precision = np.mean([curve.y[::-1][np.searchsorted(curve.x[::-1], recall)] for curve in curves], axis=0)
    return Curve(recall[::-1], precision[::-1], float(np.mean([curve.area for curve in curves])))
