"""The metrics by name: for which problems, how computed, and which way is better."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from auxtasks.audit.metrics import decisions, numbers, ranking
from auxtasks.audit.metrics.evidence import Evidence
from auxtasks.audit.metrics.problem import Problem
from auxtasks.errors import InvalidTypeError, unknown_name

_ONE_CLASS = re.compile(r"(?P<name>\w+)\[(?P<label>\d+)\]")
PER_CLASS = "_per_class"


@dataclass(frozen=True)
class Metric:
    """One metric.

    Parameters
    ----------
    compute : callable
        From `Evidence` to a number, or to an array with an entry for each class.
    problems : tuple of str
        What it can be computed for.
    higher_is_better : bool
        Which way is better.
    """

    compute: Callable[[Evidence], Any]
    problems: tuple[Problem, ...]
    higher_is_better: bool = True


_SINGLE: tuple[Problem, ...] = ("binary", "multiclass")
_CLASSES: tuple[Problem, ...] = (*_SINGLE, "multilabel")

METRICS: Mapping[str, Metric] = {
    "accuracy": Metric(decisions.accuracy, _CLASSES),
    "subset_accuracy": Metric(decisions.subset_accuracy, ("multilabel",)),
    "hamming_loss": Metric(decisions.hamming_loss, ("multilabel",), higher_is_better=False),
    # The mean recall over the classes of the test part is what scikit-learn calls the balanced accuracy.
    "balanced_accuracy": Metric(decisions.averaged("recall", "macro"), _SINGLE),
    "precision": Metric(decisions.averaged("precision", "macro"), _CLASSES),
    "precision_weighted": Metric(decisions.averaged("precision", "weighted"), _CLASSES),
    "precision_per_class": Metric(decisions.of_each_class("precision"), _CLASSES),
    "recall": Metric(decisions.averaged("recall", "macro"), _CLASSES),
    "recall_weighted": Metric(decisions.averaged("recall", "weighted"), _CLASSES),
    "recall_per_class": Metric(decisions.of_each_class("recall"), _CLASSES),
    "f1": Metric(decisions.averaged("f1", "macro"), _CLASSES),
    "f1_weighted": Metric(decisions.averaged("f1", "weighted"), _CLASSES),
    "f1_per_class": Metric(decisions.of_each_class("f1"), _CLASSES),
    "roc_auc": Metric(ranking.mean_area("roc_auc"), _CLASSES),
    "roc_auc_per_class": Metric(ranking.area_of_each_class("roc_auc"), ("multiclass", "multilabel")),
    "pr_auc": Metric(ranking.mean_area("average_precision"), _CLASSES),
    "pr_auc_per_class": Metric(ranking.area_of_each_class("average_precision"), ("multiclass", "multilabel")),
    "log_loss": Metric(ranking.log_loss, _CLASSES, higher_is_better=False),
    "mae": Metric(numbers.mae, ("regression",), higher_is_better=False),
    "rmse": Metric(numbers.rmse, ("regression",), higher_is_better=False),
    "r2": Metric(numbers.r2, ("regression",)),
}
NAMES: tuple[str, ...] = tuple(METRICS)
DEFAULTS: Mapping[Problem, tuple[str, ...]] = {
    "binary": ("accuracy", "f1", "log_loss"),
    "multiclass": ("accuracy", "f1", "log_loss"),
    "multilabel": ("accuracy", "f1", "roc_auc"),
    "regression": ("rmse", "mae", "r2"),
}


def higher_is_better(name: str) -> bool:
    """Tell which way a metric is better.

    Parameters
    ----------
    name : str
        A metric, or one class of it.

    Returns
    -------
    bool
        False for errors and losses.

    Raises
    ------
    UnknownNameError
        If there is no such metric.

    Examples
    --------
    >>> higher_is_better("accuracy"), higher_is_better("recall[3]"), higher_is_better("rmse")
    (True, True, False)
    """
    return METRICS[one_of(name)[0]].higher_is_better


def one_of(name: object) -> tuple[str, int | None]:
    """Find a metric by what users and results call it.

    Parameters
    ----------
    name : str
        A name of `METRICS`, or that of one class, such as ``"recall[3]"``.

    Returns
    -------
    tuple of str and (int or None)
        The name in `METRICS`, and the class if one is meant.

    Raises
    ------
    InvalidTypeError
        If it is not a string.
    UnknownNameError
        If there is no such metric.

    Examples
    --------
    >>> one_of("f1"), one_of("recall[3]")
    (('f1', None), ('recall_per_class', 3))
    """
    if not isinstance(name, str):
        raise InvalidTypeError(f"`metrics` must be names of metrics; got {name!r} of type {type(name).__name__}.")
    match = _ONE_CLASS.fullmatch(name)
    if match is not None and match["name"] + PER_CLASS in METRICS:
        return match["name"] + PER_CLASS, int(match["label"])
    if name not in METRICS:
        raise unknown_name("metrics", name, METRICS, "metric")
    return name, None
