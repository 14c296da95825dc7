"""How well a linear model tells the main label from some features."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from math import isnan
from typing import Any

import numpy as np

from auxtasks.audit.metrics.problem import Problem
from auxtasks.audit.screen.features import (
    CLASSES,
    FEWEST,
    Features,
    Inputs,
    MainLabels,
    frequencies,
    input_features,
    narrowed,
    read_main_labels,
    standardised,
    step_features,
)
from auxtasks.errors import InvalidInputError
from auxtasks.optional import require
from auxtasks.specs import TargetSpec
from auxtasks.targets.samples import to_array
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_int

FOLDS = 5
_COMPONENTS = 50


def linear_probe(
    features: object, y: object, *, problem: Problem | None = None, folds: int = FOLDS, seed: int = 0
) -> float:
    """Measure how well a linear model tells the main label from features, on samples it was not fitted to.

    ``(score - chance) / (1 - chance)``. For classes the score is the balanced accuracy of a logistic regression with
    balanced class weights, and chance is 1 over the number of classes, so that a rare class counts like any other. For
    numbers and for several labels it is R² of a ridge regression, mean over the columns, and chance is 0. Features are
    standardised, so their units do not matter, and reduced to 50 principal components at most. Classes of a single
    sample are left out, and columns of labels that are all the same.
    """
    table, labels = to_array(features, "features"), read_main_labels(y, problem)
    check_int("folds", folds, low=2)
    check_int("seed", seed, low=0)
    if not table.ndim or len(table) != len(labels.present):
        raise InvalidInputError(
            f"`features` must have a row for each of the {len(labels.present)} labels; found shape {table.shape}."
        )
    flat = table.reshape(len(table), -1).astype(np.float64)
    if np.isinf(flat).any():
        raise InvalidInputError("`features` must be finite, or NaN where missing; found an infinite value.")
    rows = labels.present & ~np.isnan(flat).all(axis=1)
    labels = labels._replace(present=rows)
    if labels.trouble:
        return float("nan")
    columns, chosen = standardised(flat[rows]), labels.values[rows]
    if not columns.shape[1]:
        return float("nan")
    selection: Any = require("sklearn.model_selection", extra="audit")
    scores: Any = require("sklearn.metrics", extra="audit")
    with one_thread(), warnings.catch_warnings():
        # A screen needs no more digits than these steps give, and small classes may be missing in a fold.
        warnings.simplefilter("ignore", require("sklearn.exceptions", extra="audit").ConvergenceWarning)
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        columns = narrowed(columns, _COMPONENTS)
        if labels.kind == "classes":
            _, numbers, counts = np.unique(chosen, return_inverse=True, return_counts=True)
            repeated = counts[numbers] > 1
            dealt = selection.StratifiedKFold(min(folds, counts.max()), shuffle=True, random_state=seed)
            model = _linear_model("LogisticRegression", class_weight="balanced", max_iter=100, tol=1e-3)
            told = selection.cross_val_predict(model, columns[repeated], numbers[repeated], cv=dealt)
            return float(scores.balanced_accuracy_score(numbers[repeated], told, adjusted=True))
        wanted = standardised(chosen.astype(np.float64))
        dealt = selection.KFold(min(folds, len(columns)), shuffle=True, random_state=seed)
        told = selection.cross_val_predict(_ridge(columns), columns, wanted, cv=dealt)
        return float(scores.r2_score(wanted, told.reshape(wanted.shape)))


def _linear_model(name: str, **options: Any) -> Any:
    return getattr(require("sklearn.linear_model", extra="audit"), name)(**options)


PENALTIES = (1e-8, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 100.0)
"""Tried penalties, in units of the sum of squares of the columns; with the last the map is almost a constant."""

_ROUNDING = 1e-12


def _ridge(columns: Floats) -> Any:
    return _linear_model("RidgeCV", alphas=np.square(columns).sum() * np.array(PENALTIES), alpha_per_target=True)


def shares_explained(source: Floats, targets: Sequence[Floats]) -> list[float]:
    """Tell how much of several targets is a linear function of the same columns.

    ``1 - Σ‖y - ŷ‖² / Σ‖y - ȳ‖²``, each sample being told by a ridge regression (Hoerl and Kennard 1970, Technometrics
    12(1):55-67) of all others, ȳ being the mean of these. For each column the best of a few penalties counts, which
    makes shares too large by about as much as one parameter can.
    """
    owners = np.repeat(np.arange(len(targets)), [target.shape[1] for target in targets])
    together = np.concatenate([np.zeros((len(source), 0)), *targets], axis=1)
    deviations = together.var(axis=0) * (len(source) / (len(source) - 1)) ** 2
    residuals = deviations
    if together.size and (source != 0).any():
        residuals = -_ridge(source).fit(source, together).best_score_
    residual, total = (np.bincount(owners, values, len(targets)) for values in (residuals, deviations))
    # Columns come with a standard deviation of about 1: what is far below it is rounding.
    varied = total > _ROUNDING
    shares = 1 - residual / np.where(varied, total, 1.0)
    return [float(share) if differs else float("nan") for share, differs in zip(shares, varied, strict=True)]


_SOURCE, _TARGET = 200, 64
"""How many columns are kept of what explains, and of what is to be explained."""


def explained_by(source: Floats, known: Array, tasks: Mapping[str, Features]) -> dict[str, float]:
    """Tell how much of each task's target is a linear function of some columns."""
    source = narrowed(source, _SOURCE)
    alike: dict[bytes, list[str]] = defaultdict(list)
    for name, task in tasks.items():
        alike[(known & task.present).tobytes()].append(name)
    shares: dict[str, float] = {}
    # Targets that are present in the same samples share one decomposition of the source.
    for mask, names in alike.items():
        rows = np.frombuffer(mask, np.bool_)
        if rows.sum() < FEWEST:
            shares.update(dict.fromkeys(names, float("nan")))
            continue
        targets = [narrowed(tasks[name].values, _TARGET)[rows] for name in names]
        found = shares_explained(source[rows], targets)
        shares.update(zip(names, (rounded(share) for share in found), strict=True))
    return {name: shares[name] for name in tasks}


def explained_by_others(known: Array, tasks: Mapping[str, Features]) -> dict[str, dict[str, float]]:
    """Tell how much of each task's target is a linear function of each other task's."""
    slim = {name: Features(narrowed(task.values, _TARGET), task.present) for name, task in tasks.items()}
    others = {name: {other: slim[other] for other in tasks if other != name} for name in tasks}
    by_source = {name: explained_by(task.values, known & task.present, others[name]) for name, task in tasks.items()}
    return {name: {other: by_source[other][name] for other in others[name]} for name in tasks}


def explained_by_label(labels: MainLabels, tasks: Mapping[str, Features]) -> dict[str, float]:
    """Tell how much of each task's target is a function of the main label.

    Of a class any function is linear in its one-hot columns; of numbers only linear ones are found.
    """
    if labels.trouble:
        return dict.fromkeys(tasks, float("nan"))
    columns = labels.columns(labels.present)
    chosen = {name: Features(task.values[labels.present], task.present[labels.present]) for name, task in tasks.items()}
    return explained_by(columns, np.ones(len(columns), np.bool_), chosen)


def rounded(share: float) -> float:
    """Leave out digits that depend on the order of additions, and so on the order of the tasks."""
    return share if isnan(share) else round(max(share, 0.0), 6)


def one_thread() -> AbstractContextManager[Any]:
    """Keep linear algebra to one thread: its matrices are small, and threads that wait for each other cost more."""
    limits: AbstractContextManager[Any] = require("threadpoolctl", extra="audit").threadpool_limits(limits=1)
    return limits


def explained_by_input(
    inputs: Inputs | None,
    arrays: Mapping[str, Array],
    features: Mapping[str, Features],
    specs: Mapping[str, TargetSpec],
    drawn: Array,
    seed: int,
) -> dict[str, float]:
    """Tell how much of each task's target is a linear function of the input.

    Vectors per step are compared by their means over stretches of time; classes per step with the input at the same
    step where it has the same steps, because how often a class occurs says little of where.
    """
    if inputs is None:
        return dict.fromkeys(features, float("nan"))
    per_step = {name: step_features(arrays[name]) for name in features if specs[name].kind == "step_vector"}
    columns = input_features(inputs.values, words=inputs.words)
    shares = explained_by(columns, drawn, {**features, **per_step})
    for name, target in arrays.items():
        has_steps = inputs.values.shape[:2] == target.shape[:2] and (inputs.words or inputs.values.ndim > 2)
        if specs[name].kind == "step_class" and has_steps:
            share = step_share(inputs.values[drawn], target[drawn], words=inputs.words, seed=seed)
            shares[name] = rounded(share)
    return shares


_STEPS, _LIGHT = 10_000, 1e-4
"""How many steps are drawn, and the penalty in units of the sum of squares of a column."""


def step_share(inputs: Array, target: Array, *, words: bool, seed: int) -> float:
    """Tell how much of a class per step is a linear function of the input at this step, whole samples held out."""
    known = (target >= 0) & (inputs >= 0) if words else target >= 0
    places = np.argwhere(known)
    if len(places) > _STEPS:
        places = np.random.default_rng(seed).choice(places, _STEPS, replace=False)
    rows, steps = places.T
    if len(np.unique(rows)) < FEWEST:
        return float("nan")
    chosen = inputs[rows, steps]
    if words:
        source = standardised(frequencies(chosen[:, None], CLASSES), each=False)
    else:
        source = narrowed(standardised(chosen.reshape(len(chosen), -1).astype(np.float64)), _SOURCE)
    classes = standardised(frequencies(target[rows, steps][:, None], CLASSES), each=False)
    if not source.shape[1] or not classes.shape[1]:
        return 0.0 if classes.shape[1] else float("nan")
    selection: Any = require("sklearn.model_selection", extra="audit")
    model = _linear_model("Ridge", alpha=_LIGHT * len(source))
    told = selection.cross_val_predict(model, source, classes, groups=rows, cv=selection.GroupKFold(FOLDS))
    metric = require("sklearn.metrics", extra="audit").r2_score
    return float(metric(classes, told.reshape(classes.shape), multioutput="variance_weighted"))
