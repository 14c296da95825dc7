"""How well a linear model tells the main label from some features."""

from __future__ import annotations

import warnings

import numpy as np

from auxtasks.audit.metrics.problem import Problem
from auxtasks.audit.screen.columns import narrowed, standardised
from auxtasks.audit.screen.main_labels import read_main_labels
from auxtasks.audit.screen.ridge import deal, shares_explained
from auxtasks.audit.screen.threads import one_thread
from auxtasks.errors import InvalidInputError
from auxtasks.inputs.arrays import to_array
from auxtasks.optional import require
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_int

FOLDS = 5
_COMPONENTS = 50


def linear_probe(
    features: object, y: object, *, problem: Problem | None = None, folds: int = FOLDS, seed: int = 0
) -> float:
    """Measure how well a linear model tells the main label from features, on samples it was not fitted to.

    Parameters
    ----------
    features : array-like, shape (n, ...)
        Anything known of the samples; flattened. NaN where missing: a missing value is replaced by the mean, a sample
        without any is left out.
    y : array-like, shape (n,) or (n, columns)
        Main labels; NaN (floats) or -1 (integers) where missing.
    problem : {"binary", "multiclass", "multilabel", "regression"}, optional
        What the labels are for; see `auxtasks.audit.screen.main_labels.read_main_labels` for how it is told otherwise.
    folds : int, default 5
        How often a part is held out; at most as many as there are samples.
    seed : int, default 0
        Of the folds.

    Returns
    -------
    float
        The skill: 0 for a guess, 1 without error, below 0 for worse than guessing. NaN where it cannot be told: with
        fewer than 10 labelled samples, fewer than two classes of more than one sample, labels that are all the same,
        labels for each step of a sample, or features that do not vary.

    Raises
    ------
    InvalidTypeError
        If features or labels are not numbers.
    InvalidInputError
        If their lengths differ.

    Notes
    -----
    ``(score - chance) / (1 - chance)``. For classes the score is the balanced accuracy of a logistic regression with
    balanced class weights, and chance is 1 over the number of classes, so that a rare class counts like any other. For
    numbers and for several labels it is R² of a ridge regression, mean over the columns, and chance is 0. Features are
    standardised, so their units do not matter, and reduced to 50 principal components at most. Classes of a single
    sample are left out, and columns of labels that are all the same.

    Examples
    --------
    >>> y = np.arange(60) % 3
    >>> linear_probe(np.eye(3)[y], y)
    1.0
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
