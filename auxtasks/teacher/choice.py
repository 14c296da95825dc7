"""Which of a few simple models teaches: cross-validated on the labelled samples alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.optional import require
from auxtasks.teacher.labels import MainLabels
from auxtasks.typing import Array, Floats

N_FOLDS = 5
REPEATS = 3
"""How often a teacher is cross-validated; it takes a moment."""


@dataclass(frozen=True)
class Candidate:
    """An estimator that may teach, by what it is called in reports; `spreads` if it is fitted on all samples."""

    name: str
    make: Callable[[], Any]
    spreads: bool = False


@dataclass(frozen=True)
class Evidence:
    """How well something predicts labels that it was not shown, by cross-validation.

    `errors` has an entry for each labelled sample: the share of its labels that are wrong, or the squared error over
    the variance. `guess` is the mean error of the most frequent class or the mean.
    """

    errors: Floats
    guess: float

    @property
    def error(self) -> float:
        """The mean error."""
        return float(self.errors.mean())


def folds_of(labels: MainLabels, rows: Array, seed: int) -> list[tuple[Array, Array]]:
    """Split labelled samples, by their place among these, into folds with about the same classes."""
    selection: Any = require("sklearn.model_selection", extra="sklearn")
    answers, n = labels.answers(rows), len(rows)
    if labels.kind == "distribution":
        largest = int(np.unique(answers, return_counts=True)[1].max())
        splitter = selection.StratifiedKFold(int(np.clip(largest, 2, N_FOLDS)), shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            # Classes with fewer samples than folds are in some training parts only, which is all that can be done.
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            return list(splitter.split(np.zeros(n), answers))
    return list(selection.KFold(min(N_FOLDS, n), shuffle=True, random_state=seed).split(np.zeros(n)))


def evidence_of(labels: MainLabels, rows: Array, predicted: Floats) -> Evidence:
    """Compare predictions of labels that were not shown with the labels."""
    answers = labels.answers(rows)
    if labels.kind == "distribution":
        counts = np.bincount(answers)
        return Evidence((predicted.argmax(axis=1) != answers).astype(float), 1.0 - float(counts.max() / counts.sum()))
    if labels.kind == "multilabel":
        majority = answers.mean(axis=0) > 0.5
        return Evidence(((predicted > 0.5) != answers).mean(axis=1), float((answers != majority).mean()))
    variance = np.maximum(answers.var(axis=0), 1e-12)
    return Evidence((((predicted - answers) ** 2) / variance).mean(axis=1), 1.0)


def candidates_of(domain: str, kind: str) -> list[Candidate]:
    """Return the estimators that may teach in a domain, the first being preferred where others are no better."""
    linear: Any = require("sklearn.linear_model", extra="sklearn")
    ensemble: Any = require("sklearn.ensemble", extra="sklearn")
    spreading: Any = require("sklearn.semi_supervised", extra="sklearn")
    if kind == "vector":
        return [
            Candidate("extremely randomised trees", lambda: ensemble.ExtraTreesRegressor(300, random_state=0)),
            Candidate("ridge regression", lambda: linear.RidgeCV(np.logspace(-2, 4, 13))),
        ]
    if kind == "multilabel":
        multi: Any = require("sklearn.multiclass", extra="sklearn")
        return [
            Candidate(
                "logistic regression",
                lambda: multi.OneVsRestClassifier(linear.LogisticRegression(C=0.05, max_iter=500)),
            ),
            Candidate("extremely randomised trees", lambda: ensemble.ExtraTreesClassifier(300, random_state=0)),
        ]
    ridge = Candidate("ridge classifier", lambda: linear.RidgeClassifierCV(np.logspace(-1, 4, 11)))
    spread = Candidate(
        "label spreading",
        lambda: spreading.LabelSpreading("knn", n_neighbors=7, alpha=0.5, max_iter=100, tol=1e-4),
        spreads=True,
    )
    logistic = Candidate("logistic regression", lambda: linear.LogisticRegression(C=20.0, max_iter=1000))
    trees = Candidate("extremely randomised trees", lambda: ensemble.ExtraTreesClassifier(300, random_state=0))
    return {"image": [spread, ridge], "text": [logistic], "signal": [ridge, spread]}.get(domain, [trees, ridge])


class Fit:
    """An estimator fitted on some labels, which says probabilities of all classes, or numbers.

    Parameters
    ----------
    candidate : Candidate
        What to fit.
    labels : MainLabels
        What is learned.
    features : ndarray, shape (n, d)
        Of all samples.
    rows : ndarray of int
        Which of them are shown with their label.
    """

    def __init__(self, candidate: Candidate, labels: MainLabels, features: Floats, rows: Array) -> None:
        self.candidate, self.labels = candidate, labels
        answers = labels.answers(rows)
        X, y = features[rows], answers
        if candidate.spreads:
            X, y = features, np.full(len(features), -1)
            y[rows] = answers
        elif labels.kind == "vector" and labels.width == 1:
            y = answers[:, 0]
        self.estimator = candidate.make()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of convergence, and of classes with few samples
                self.estimator.fit(X, y)
        except (ValueError, TypeError) as error:
            raise InvalidInputError(
                f"`teacher`: {candidate.name} cannot be fitted on {len(rows)} labelled samples with "
                f"{features.shape[1]} features: {error}"
            ) from error

    def says(self, features: Floats) -> Floats:
        """Return soft labels for samples, shape (n, width)."""
        width = self.labels.width
        if self.labels.kind == "vector":
            found: Floats = np.asarray(self.estimator.predict(features), np.float64).reshape(len(features), width)
            return found
        if self.labels.kind == "multilabel":
            return self._flags(features)
        shares = np.zeros((len(features), width))
        shares[:, np.asarray(self.estimator.classes_, int)] = self._shares(features)
        return shares

    def _shares(self, features: Floats) -> Floats:
        if hasattr(self.estimator, "predict_proba"):
            found = np.nan_to_num(np.asarray(self.estimator.predict_proba(features), np.float64))
            # A sample that nothing spread to, or certainty from a few neighbours.
            found += 1e-3
            return np.asarray(found / found.sum(axis=1, keepdims=True))
        margins = np.asarray(self.estimator.decision_function(features), np.float64)
        if margins.ndim == 1:
            margins = np.stack([-margins, margins], axis=1)
        # Margins of a ridge classifier lie between -1 and 1, about; see `benchmarks/teachers.py` for the factor.
        exponent = 5.0 * (margins - margins.max(axis=1, keepdims=True))
        return np.asarray(np.exp(exponent) / np.exp(exponent).sum(axis=1, keepdims=True))

    def _flags(self, features: Floats) -> Floats:
        found = self.estimator.predict_proba(features)
        if isinstance(found, list):  # one array (n, classes) for each label
            columns = []
            for shares, classes in zip(found, self.estimator.classes_, strict=True):
                place = np.flatnonzero(np.asarray(classes) == 1)
                columns.append(shares[:, place[0]] if len(place) else np.zeros(len(features)))
            return np.stack(columns, axis=1)
        return np.asarray(found, np.float64)


def cross_validated(candidate: Candidate, labels: MainLabels, features: Floats, rows: Array, seed: int) -> Evidence:
    """Predict each labelled sample from the others, several times over."""
    found = []
    for repeat in range(REPEATS):
        predicted = np.zeros((len(rows), labels.width))
        for train, test in folds_of(labels, rows, seed + repeat):
            predicted[test] = Fit(candidate, labels, features, rows[train]).says(features[rows[test]])
        found.append(evidence_of(labels, rows, predicted))
    return Evidence(np.mean([each.errors for each in found], axis=0), found[0].guess)


def choose(
    candidates: Sequence[Candidate], labels: MainLabels, features: Floats, rows: Array, seed: int
) -> tuple[Candidate, Evidence]:
    """Return the candidate with the least error, the first of those alike."""
    tried = [(each, cross_validated(each, labels, features, rows, seed)) for each in candidates]
    return min(tried, key=lambda pair: pair[1].error)


def own_candidate(estimator: Any, kind: str) -> Candidate:
    """Check an estimator of the user's own."""
    base: Any = require("sklearn.base", extra="sklearn")
    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params") or isinstance(estimator, type):
        raise InvalidTypeError(
            f"`teacher` must be a scikit-learn estimator, such as LogisticRegression(); got {estimator!r}."
        )
    needed = ("predict",) if kind == "vector" else ("predict_proba", "decision_function")
    needed = ("predict_proba",) if kind == "multilabel" else needed
    if not any(hasattr(estimator, name) for name in needed):
        raise InvalidTypeError(
            f"`teacher`: {type(estimator).__name__} has no {' or '.join(needed)}, which soft labels of kind {kind!r} "
            "are made of; choose another estimator, or wrap it in sklearn.calibration.CalibratedClassifierCV."
        )
    return Candidate(type(estimator).__name__, lambda: base.clone(estimator))
