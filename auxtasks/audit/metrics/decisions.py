"""Metrics of what a classifier decides: accuracy, precision, recall and F1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from auxtasks.audit.metrics.evidence import Evidence
from auxtasks.optional import require
from auxtasks.typing import Floats


def accuracy(found: Evidence) -> float:
    """Share of right decisions; of labels, that of all single yes and no, which is ``1 - hamming_loss``."""
    if found.problem == "multilabel":
        return 1 - hamming_loss(found)
    return float(require("sklearn.metrics", extra="sklearn").accuracy_score(found.truth, found.predicted))


def subset_accuracy(found: Evidence) -> float:
    """Share of samples of which all labels are right."""
    return float(require("sklearn.metrics", extra="sklearn").accuracy_score(found.truth, found.predicted))


def hamming_loss(found: Evidence) -> float:
    """Share of wrong decisions among all labels of all samples."""
    return float(require("sklearn.metrics", extra="sklearn").hamming_loss(found.truth, found.predicted))


def averaged(
    name: Literal["precision", "recall", "f1"], average: Literal["macro", "weighted"]
) -> Callable[[Evidence], float]:
    """Make a metric that is the mean over the classes.

    Parameters
    ----------
    name : {"precision", "recall", "f1"}
        The metric of one class.
    average : {"macro", "weighted"}
        All classes alike, or by their number of samples.

    Returns
    -------
    callable
        From evidence to a number.

    Notes
    -----
    The mean goes over the classes that occur in the labels of the test part, so that it has the same terms whatever a
    model predicts. The precision of such a class counts as 0 where it is never predicted, as in scikit-learn.
    """

    def compute(found: Evidence) -> float:
        occurring = _occurring(found)
        if not occurring:
            return float("nan")
        metric = getattr(require("sklearn.metrics", extra="sklearn"), f"{name}_score")
        return float(metric(found.truth, found.predicted, labels=occurring, average=average, zero_division=0))

    return compute


def of_each_class(name: Literal["precision", "recall", "f1"]) -> Callable[[Evidence], Floats]:
    """Make a metric that has one number for each class.

    Parameters
    ----------
    name : {"precision", "recall", "f1"}
        The metric.

    Returns
    -------
    callable
        From evidence to an array, in the order of its classes; NaN where the quotient is 0 by 0.
    """

    def compute(found: Evidence) -> Floats:
        metric = getattr(require("sklearn.metrics", extra="sklearn"), f"{name}_score")
        values = metric(found.truth, found.predicted, labels=list(found.classes), average=None, zero_division=np.nan)
        return np.asarray(values, dtype=np.float64)

    return compute


def _occurring(found: Evidence) -> list[int]:
    """List the classes, or columns of labels, of which the test part has a sample."""
    if found.problem == "multilabel":
        return [int(column) for column in np.flatnonzero((found.truth == 1).any(axis=0))]
    return [int(label) for label in np.unique(found.truth)]
