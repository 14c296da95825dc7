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
from auxtasks.targets.reading import to_array
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
    with one_thread():
        columns = narrowed(columns, _COMPONENTS)
        if labels.kind == "classes":
            return _skill_of_classes(columns, chosen, folds, seed)
        wanted = standardised(chosen.astype(np.float64))
        each = np.split(wanted, wanted.shape[1], axis=1)
        return float(np.mean(shares_explained(columns, each, deal(len(columns), min(folds, len(columns)), seed))))


def _skill_of_classes(columns: Floats, y: Array, folds: int, seed: int) -> float:
    classes, numbers, counts = np.unique(y, return_inverse=True, return_counts=True)
    repeated = counts[numbers] > 1
    columns, y = columns[repeated], y[repeated]
    dealt = deal(len(y), min(folds, len(y)), seed, strata=y)
    told = np.empty_like(y)
    for fold in np.unique(dealt):
        told[dealt == fold] = _tell(columns[dealt != fold], y[dealt != fold], columns[dealt == fold])
    recalls = [(told[y == each] == each).mean() for each in classes[counts > 1]]
    chance = 1 / len(recalls)
    return float((np.mean(recalls) - chance) / (1 - chance))


def _tell(columns: Floats, y: Array, held_out: Floats) -> Array:
    linear = require("sklearn.linear_model", extra="sklearn")
    hurried = require("sklearn.exceptions", extra="sklearn").ConvergenceWarning
    model = linear.LogisticRegression(class_weight="balanced", max_iter=100, tol=1e-3)
    with warnings.catch_warnings():
        # A screen needs no more digits than these steps give.
        warnings.simplefilter("ignore", hurried)
        told: Array = model.fit(columns, y).predict(held_out)
    return told


PENALTIES = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 100.0)
"""Tried penalties, in units of the largest eigenvalue; with the last the map is almost a constant."""

_ROUNDING = 1e-12


def deal(n: int, folds: int, seed: int, strata: Array | None = None) -> Array:
    """Deal samples into folds at random."""
    order = np.random.default_rng(seed).permutation(n)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    dealt = np.empty(n, np.int64)
    dealt[order] = np.arange(n) % folds
    return dealt


def shares_explained(source: Floats, targets: Sequence[Floats], folds: Array) -> list[float]:
    """Cross-validate ridge regressions of several targets on the same columns.

    ``1 - Σ‖y - ŷ‖² / Σ‖y - ȳ‖²`` over the held-out samples, ȳ being the mean of the others (Hoerl and Kennard 1970,
    Technometrics 12(1):55-67). For each target the best of a few penalties counts, which makes shares too large by
    about as much as one parameter can.
    """
    widths = [target.shape[1] for target in targets]
    owners = np.repeat(np.arange(len(targets)), widths)
    together = np.concatenate([np.zeros((len(source), 0)), *targets], axis=1)
    residual, total = np.zeros((len(PENALTIES), len(targets))), np.zeros(len(targets))
    for fold in np.unique(folds):
        held_out = folds == fold
        squares, variance = _residuals(source[~held_out], together[~held_out], source[held_out], together[held_out])
        total += np.bincount(owners, variance, len(targets))
        residual += np.stack([np.bincount(owners, row, len(targets)) for row in squares])
    # Columns come with a standard deviation of about 1: what is far below it is rounding.
    varied = total > _ROUNDING * len(source)
    shares = 1 - residual.min(axis=0) / np.where(varied, total, 1.0)
    return [float(share) if differs else float("nan") for share, differs in zip(shares, varied, strict=True)]


def _residuals(X: Floats, Y: Floats, X_test: Floats, Y_test: Floats) -> tuple[Floats, Floats]:
    """Return the squared residuals of each column for each penalty, and its squared deviations."""
    x_mean, y_mean = X.mean(axis=0), Y.mean(axis=0)
    X, Y, X_test, Y_test = X - x_mean, Y - y_mean, X_test - x_mean, Y_test - y_mean
    deviations = np.square(Y_test).sum(axis=0)
    values, vectors = np.linalg.eigh(X.T @ X)
    if not len(values) or values[-1] <= 0:
        return np.broadcast_to(deviations, (len(PENALTIES), len(deviations))), deviations
    values = np.maximum(values, 0)
    # In the basis of the eigenvectors a penalty is but a factor of each coefficient.
    products, rotated = vectors.T @ (X.T @ Y), X_test @ vectors
    squares = [
        np.square(Y_test - rotated @ (products / (values + penalty * values[-1])[:, None])).sum(axis=0)
        for penalty in PENALTIES
    ]
    return np.stack(squares), deviations


_SOURCE, _TARGET = 200, 64


def explained_by(source: Floats, known: Array, tasks: Mapping[str, Features], seed: int) -> dict[str, float]:
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
        found = shares_explained(source[rows], targets, deal(int(rows.sum()), FOLDS, seed))
        shares.update(zip(names, (rounded(share) for share in found), strict=True))
    return {name: shares[name] for name in tasks}


def explained_by_others(known: Array, tasks: Mapping[str, Features], seed: int) -> dict[str, dict[str, float]]:
    """Tell how much of each task's target is a linear function of each other task's."""
    slim = {name: Features(narrowed(task.values, _TARGET), task.present) for name, task in tasks.items()}
    by_source = {
        name: explained_by(
            task.values, known & task.present, {other: slim[other] for other in tasks if other != name}, seed
        )
        for name, task in tasks.items()
    }
    return {name: {other: by_source[other][name] for other in tasks if other != name} for name in tasks}


def explained_by_label(labels: MainLabels, tasks: Mapping[str, Features], seed: int) -> dict[str, float]:
    """Tell how much of each task's target is a function of the main label.

    Of a class any function is linear in its one-hot columns; of numbers only linear ones are found.
    """
    if labels.trouble:
        return dict.fromkeys(tasks, float("nan"))
    columns = labels.columns(labels.present)
    chosen = {name: Features(task.values[labels.present], task.present[labels.present]) for name, task in tasks.items()}
    return explained_by(columns, np.ones(len(columns), np.bool_), chosen, seed)


def rounded(share: float) -> float:
    """Leave out digits that depend on the order of additions, and so on the order of the tasks."""
    return share if isnan(share) else round(max(share, 0.0), 6)


def one_thread() -> AbstractContextManager[Any]:
    """Keep linear algebra to one thread: its matrices are small, and threads that wait for each other cost more."""
    limits: AbstractContextManager[Any] = require("threadpoolctl", extra="sklearn").threadpool_limits(limits=1)
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
    shares = explained_by(columns, drawn, {**features, **per_step}, seed)
    for name, target in arrays.items():
        has_steps = inputs.values.shape[:2] == target.shape[:2] and (inputs.words or inputs.values.ndim > 2)
        if specs[name].kind == "step_class" and has_steps:
            share = step_share(inputs.values[drawn], target[drawn], words=inputs.words, seed=seed)
            shares[name] = rounded(share)
    return shares


_STEPS, _FOLDS = 10_000, 5


def step_share(inputs: Array, target: Array, *, words: bool, seed: int) -> float:
    """Tell how much of a class per step is a linear function of the input at this step."""
    known = (target >= 0) & (inputs >= 0) if words else target >= 0
    if known.any(axis=1).sum() < FEWEST:
        return float("nan")
    places = np.argwhere(known)
    if len(places) > _STEPS:
        places = np.random.default_rng(seed).choice(places, _STEPS, replace=False)
    rows, steps = places.T
    chosen = inputs[rows, steps]
    if words:
        source = standardised(frequencies(chosen[:, None], CLASSES), each=False)
    else:
        source = standardised(chosen.reshape(len(chosen), -1).astype(np.float64))
    classes = standardised(frequencies(target[rows, steps][:, None], CLASSES), each=False)
    return shares_explained(source, [classes], deal(len(target), _FOLDS, seed)[rows])[0]
