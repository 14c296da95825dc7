"""The metrics by name: for which problems, how computed, and which way is better."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from auxtasks.audit.metrics.evidence import Evidence
from auxtasks.audit.metrics.problem import Problem, without_last_one
from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.labels import missing_entries
from auxtasks.optional import require
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_choice


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
    """Make a metric that has one number for each class."""

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


def mae(found: Evidence) -> float:
    """Mean absolute error."""
    return float(require("sklearn.metrics", extra="sklearn").mean_absolute_error(found.truth, found.predicted))


def rmse(found: Evidence) -> float:
    """Root of the mean squared error, of each output by itself."""
    return float(require("sklearn.metrics", extra="sklearn").root_mean_squared_error(found.truth, found.predicted))


def r2(found: Evidence) -> float:
    """Share of the variance that is predicted; NaN where an output is constant or there is but one sample."""
    if len(found.truth) < 2 or (found.truth == found.truth[0]).all(axis=0).any():
        return float("nan")
    return float(require("sklearn.metrics", extra="sklearn").r2_score(found.truth, found.predicted))


_TOLERANCE = 0.01
"""How far from 1 the probabilities of a sample may add up to and still count as rounded; half precision needs it."""


def area_of_each_class(name: Literal["roc_auc", "average_precision"]) -> Callable[[Evidence], Floats]:
    """Make a metric that is an area under a curve, one class against the rest."""

    def compute(found: Evidence) -> Floats:
        metric = getattr(require("sklearn.metrics", extra="sklearn"), f"{name}_score")
        members = found.members
        columns = [0] if found.problem == "binary" else list(found.classes)
        return np.array([_area(metric, members[:, column], found.scores[:, column]) for column in columns])

    return compute


def mean_area(name: Literal["roc_auc", "average_precision"]) -> Callable[[Evidence], float]:
    """Make the mean of such areas over the classes."""
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
    "accuracy": Metric(accuracy, _CLASSES),
    "subset_accuracy": Metric(subset_accuracy, ("multilabel",)),
    "hamming_loss": Metric(hamming_loss, ("multilabel",), higher_is_better=False),
    # The mean recall over the classes of the test part is what scikit-learn calls the balanced accuracy.
    "balanced_accuracy": Metric(averaged("recall", "macro"), _SINGLE),
    "precision": Metric(averaged("precision", "macro"), _CLASSES),
    "precision_weighted": Metric(averaged("precision", "weighted"), _CLASSES),
    "precision_per_class": Metric(of_each_class("precision"), _CLASSES),
    "recall": Metric(averaged("recall", "macro"), _CLASSES),
    "recall_weighted": Metric(averaged("recall", "weighted"), _CLASSES),
    "recall_per_class": Metric(of_each_class("recall"), _CLASSES),
    "f1": Metric(averaged("f1", "macro"), _CLASSES),
    "f1_weighted": Metric(averaged("f1", "weighted"), _CLASSES),
    "f1_per_class": Metric(of_each_class("f1"), _CLASSES),
    "roc_auc": Metric(mean_area("roc_auc"), _CLASSES),
    "roc_auc_per_class": Metric(area_of_each_class("roc_auc"), ("multiclass", "multilabel")),
    "pr_auc": Metric(mean_area("average_precision"), _CLASSES),
    "pr_auc_per_class": Metric(area_of_each_class("average_precision"), ("multiclass", "multilabel")),
    "log_loss": Metric(log_loss, _CLASSES, higher_is_better=False),
    "mae": Metric(mae, ("regression",), higher_is_better=False),
    "rmse": Metric(rmse, ("regression",), higher_is_better=False),
    "r2": Metric(r2, ("regression",)),
}
NAMES: tuple[str, ...] = tuple(METRICS)
DEFAULTS: Mapping[Problem, tuple[str, ...]] = {
    "binary": ("accuracy", "f1", "log_loss"),
    "multiclass": ("accuracy", "f1", "log_loss"),
    "multilabel": ("accuracy", "f1", "roc_auc"),
    "regression": ("rmse", "mae", "r2"),
}


def higher_is_better(name: str) -> bool:
    """Tell which way a metric is better."""
    return METRICS[one_of(name)[0]].higher_is_better


def one_of(name: object) -> tuple[str, int | None]:
    """Find a metric by what users and results call it."""
    if not isinstance(name, str):
        raise InvalidTypeError(f"`metrics` must be names of metrics; got {name!r} of type {type(name).__name__}.")
    match = _ONE_CLASS.fullmatch(name)
    if match is not None and match["name"] + PER_CLASS in METRICS:
        return match["name"] + PER_CLASS, int(match["label"])
    if name not in METRICS:
        raise unknown_name("metrics", name, METRICS, "metric")
    return name, None


def checked_names(names: str | Iterable[str] | None, problem: Problem) -> tuple[str, ...]:
    """Return names of metrics that are defined for a problem."""
    check_choice("problem", problem, DEFAULTS)
    if names is None:
        return DEFAULTS[problem]
    if not isinstance(names, Iterable):
        raise InvalidTypeError(f"`metrics` must be names of metrics; got {names!r} of type {type(names).__name__}.")
    chosen = (names,) if isinstance(names, str) else tuple(names)
    fitting = [name for name, metric in METRICS.items() if problem in metric.problems]
    for name in chosen:
        if one_of(name)[0] not in fitting:
            raise InvalidInputError(
                f"`metrics`: {name!r} is not defined for a {problem} problem. Those that are: {', '.join(fitting)}."
            )
    if not chosen or len(set(chosen)) < len(chosen) or chosen[0].endswith(PER_CLASS):
        raise InvalidInputError(
            f"`metrics` must hold different names, the first of a single number, which is the judged one; got {chosen}."
        )
    return chosen


def classes_of(labels: Array, problem: Problem, rank: int) -> tuple[int, ...]:
    """List the classes that occur; a model may have outputs for others, which no test part can judge."""
    labels = without_last_one(labels)
    if problem in ("regression", "binary"):
        return () if problem == "regression" else (0, 1)
    if problem == "multilabel":
        return tuple(range(labels.shape[-1]))
    missing = missing_entries(labels)
    present = labels.argmax(axis=-1)[~missing.any(axis=-1)] if labels.ndim == rank else labels[~missing]
    return tuple(np.unique(present).astype(int).tolist())
