"""Which of a few simple models teaches: cross-validated on the labelled samples alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.optional import require
from auxtasks.teacher.features import Known
from auxtasks.teacher.labels import MainLabels
from auxtasks.typing import Array, Floats

N_FOLDS = 5
REPEATS = 3
"""How often a teacher is cross-validated; it takes a moment."""


@dataclass(frozen=True)
class Member:
    """An estimator of a committee, and the view of the features that it reads; some are fitted on all samples."""

    name: str
    make: Callable[[], Any]
    view: str = "features"
    spreads: bool = False


@dataclass(frozen=True)
class Committee:
    """Estimators that teach together: soft labels are the mean of what they say."""

    members: tuple[Member, ...]

    @property
    def name(self) -> str:
        """What reports call it."""
        return " + ".join(member.name for member in self.members)


@dataclass(frozen=True)
class Evidence:
    """How well something predicts labels that it was not shown, by cross-validation.

    `errors` has an entry for each labelled sample: the share of its labels that are wrong, or the squared error over
    the variance. `guess` is the mean error of the most frequent class or the mean, and `surprise` the negative
    logarithm of the likelihood of a label, on average: that of a normal distribution, but for a constant, for numbers.
    """

    errors: Floats
    guess: float
    surprise: float

    @property
    def error(self) -> float:
        """The mean error."""
        return float(self.errors.mean())


_LEAST_SHARE = 0.02
"""No probability is taken for less, so that one sample does not decide alone."""


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
        share = np.bincount(answers).max() / len(answers)
        right = np.take_along_axis(predicted, answers[:, np.newaxis], axis=1)
        return Evidence((predicted.argmax(axis=1) != answers).astype(float), 1.0 - float(share), _surprise(right))
    if labels.kind == "multilabel":
        majority = answers.mean(axis=0) > 0.5
        right = np.where(answers == 1, predicted, 1.0 - predicted)
        errors = ((predicted > 0.5) != answers).mean(axis=1)
        return Evidence(errors, float((answers != majority).mean()), _surprise(right))
    errors = ((predicted - answers) ** 2 / np.maximum(answers.var(axis=0), 1e-12)).mean(axis=1)
    return Evidence(errors, 1.0, 0.5 * float(np.log(max(errors.mean(), 1e-12))))


def _surprise(shares: Floats) -> float:
    return -float(np.log(np.clip(shares, _LEAST_SHARE, 1.0)).mean())


def shares_by(surprises: Sequence[float], n: int) -> Floats:
    """Return how much each of several opinions counts: by its likelihood over n labels, tempered.

    ``exp(-n s / 3)``, normalised. To the power 1 few labels would decide all.
    """
    exponent = -n / 3.0 * (np.asarray(surprises) - min(surprises))
    found: Floats = np.exp(exponent) / np.exp(exponent).sum()
    return found


def committees_of(domain: str, kind: str, *, statistics: bool) -> list[Committee]:
    """Return what may teach in a domain; the first is preferred where others are no better.

    For classes of images, signals and texts there is one each: on the tuning data the mean of all members was better
    than the member that cross-validation chose.
    """
    # Partial functions and no lambdas, so that a teacher can be pickled.
    linear: Any = require("sklearn.linear_model", extra="sklearn")
    ensemble: Any = require("sklearn.ensemble", extra="sklearn")
    spreading: Any = require("sklearn.semi_supervised", extra="sklearn")
    multi: Any = require("sklearn.multiclass", extra="sklearn")
    view = "statistics" if statistics else "features"
    if kind == "vector":
        trees = Member("trees", partial(ensemble.ExtraTreesRegressor, 300, random_state=0), view)
        ridge = Member("ridge", partial(linear.RidgeCV, np.logspace(-2, 4, 13)))
        return [Committee((trees,)), Committee((ridge,)), Committee((trees, ridge))]
    trees = Member("trees", partial(ensemble.ExtraTreesClassifier, 300, random_state=0), view)
    if kind == "multilabel":
        each = Member("logistic", partial(multi.OneVsRestClassifier, linear.LogisticRegression(C=0.05, max_iter=500)))
        return [Committee((each, trees)), Committee((each,)), Committee((trees,))]
    ridge = Member("ridge", partial(linear.RidgeClassifierCV, np.logspace(-1, 4, 11)))
    spread = Member(
        "label spreading",
        partial(spreading.LabelSpreading, "knn", n_neighbors=7, alpha=0.5, max_iter=100, tol=1e-4),
        "components",
        spreads=True,
    )
    logistic = Member("logistic", partial(linear.LogisticRegression, C=20.0, max_iter=1000))
    if domain == "text":
        return [Committee((logistic,))]
    if domain in ("image", "signal"):
        return [Committee((ridge, spread, trees) if statistics else (ridge, spread))]
    return [Committee((trees, ridge)), Committee((trees,)), Committee((ridge,))]


class MemberFit:
    """An estimator fitted on some labels, which says probabilities of all classes, or numbers."""

    def __init__(self, member: Member, labels: MainLabels, known: Known, rows: Array) -> None:
        self.member, self.labels = member, labels
        everything = known[member.view]
        X, y = everything[rows], labels.answers(rows)
        if member.spreads:
            X, y = everything, np.full(len(everything), -1)
            y[rows] = labels.answers(rows)
        elif labels.kind == "vector" and labels.width == 1:
            y = y[:, 0]
        self.estimator = member.make()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of convergence, and of classes with few samples
                self.estimator.fit(X, y)
        except (ValueError, TypeError) as error:
            raise InvalidInputError(
                f"`teacher`: {member.name} cannot be fitted on {len(rows)} labelled samples with "
                f"{everything.shape[1]} features: {error}"
            ) from error

    def says(self, known: Known, *, own: bool) -> Floats:
        """Return soft labels for samples, shape (n, width); `own` if these are the samples it was fitted on."""
        features, width = known[self.member.view], self.labels.width
        if self.labels.kind == "vector":
            found: Floats = np.asarray(self.estimator.predict(features), np.float64).reshape(len(features), width)
            return found
        if self.labels.kind == "multilabel":
            return self._flags(features)
        shares = np.zeros((len(features), width))
        spread = self.estimator.label_distributions_ if own and self.member.spreads else None
        found = self._shares(features) if spread is None else _softened(spread)
        shares[:, np.asarray(self.estimator.classes_, int)] = found
        return shares

    def _shares(self, features: Floats) -> Floats:
        if hasattr(self.estimator, "predict_proba"):
            with np.errstate(invalid="ignore"):  # of samples whose neighbours nothing spread to
                return _softened(np.asarray(self.estimator.predict_proba(features), np.float64))
        margins = np.asarray(self.estimator.decision_function(features), np.float64)
        if margins.ndim == 1:
            margins = np.stack([-margins, margins], axis=1)
        # Margins of a ridge classifier lie between -1 and 1, about.
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


def _softened(shares: Floats) -> Floats:
    """Return probabilities of which none is 0: few neighbours that agree are no certainty."""
    found = np.nan_to_num(shares) + 1e-3
    return np.asarray(found / found.sum(axis=1, keepdims=True))


class Fit:
    """A committee fitted on some labels, whose members count by how well they predict those they were not shown."""

    def __init__(
        self, committee: Committee, labels: MainLabels, known: Known, rows: Array, shares: Floats | None = None
    ) -> None:
        self.members = [MemberFit(member, labels, known, rows) for member in committee.members]
        self.shares = np.full(len(self.members), 1.0 / len(self.members)) if shares is None else shares

    def says(self, known: Known, *, own: bool = False) -> Floats:
        """Return soft labels for samples, shape (n, width); `own` if these are the samples it was fitted on."""
        return np.tensordot(self.shares, [member.says(known, own=own) for member in self.members], axes=1)


def cross_validated(
    committee: Committee, labels: MainLabels, known: Known, rows: Array, seed: int
) -> tuple[Floats, Evidence]:
    """Predict each labelled sample from the others, several times over; return how much each member counts, too."""
    found, surprises = [], []
    for repeat in range(REPEATS):
        said = np.zeros((len(committee.members), len(rows), labels.width))
        for train, test in folds_of(labels, rows, seed + repeat):
            for member, place in zip(Fit(committee, labels, known, rows[train]).members, said, strict=True):
                place[test] = member.says(known, own=True)[rows[test]]
        surprises.append([evidence_of(labels, rows, each).surprise for each in said])
        found.append(said)
    shares = shares_by(np.mean(surprises, axis=0).tolist(), len(rows))
    mixed = [evidence_of(labels, rows, np.tensordot(shares, said, axes=1)) for said in found]
    surprise = float(np.mean([each.surprise for each in mixed]))
    return shares, Evidence(np.mean([each.errors for each in mixed], axis=0), mixed[0].guess, surprise)


class Chosen(NamedTuple):
    """A committee, how much each member counts, and how well all together predict."""

    committee: Committee
    shares: Floats
    evidence: Evidence


def choose(committees: Sequence[Committee], labels: MainLabels, known: Known, rows: Array, seed: int) -> Chosen:
    """Return the committee with the least error, the first of those alike."""
    tried = [Chosen(each, *cross_validated(each, labels, known, rows, seed)) for each in committees]
    return min(tried, key=lambda found: found.evidence.error)


def own_committee(estimator: Any, kind: str) -> Committee:
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
    return Committee((Member(type(estimator).__name__, partial(base.clone, estimator)),))
