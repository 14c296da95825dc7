"""Which of a few simple models teaches: cross-validated on the labelled samples alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated
from auxtasks.optional import require
from auxtasks.teacher.features import Known
from auxtasks.teacher.labels import MainLabels
from auxtasks.typing import Array, Floats

N_FOLDS, N_TREES = 5, 100
REPEATS = 2
"""How often a teacher is cross-validated; it takes a moment."""


@dataclass(frozen=True)
class Member:
    """An estimator of a committee, and the view of the features that it reads; some are fitted on all samples."""

    name: str
    estimator: Any  # is cloned to be fitted
    view: str = "features"
    spreads: bool = False


@dataclass(frozen=True)
class Committee:
    """Estimators that teach together: soft labels are the weighted mean of what they say."""

    members: tuple[Member, ...]

    @property
    def name(self) -> str:
        return " + ".join(member.name for member in self.members)


@dataclass(frozen=True)
class Evidence:
    """How well something predicts n labels that it was not shown, by cross-validation.

    `error` is the share of wrong classes, 1 less the mean F1 of several labels, or the mean squared error over the
    variance; `guess` that of the most frequent class, of all labels or of the mean. `surprise` is the negative
    logarithm of the likelihood of a label, on average: that of a normal distribution, but for a constant, for numbers.
    """

    error: float
    guess: float
    surprise: float
    n: int

    @classmethod
    def mean(cls, several: Sequence[Evidence]) -> Evidence:
        first = several[0]
        error, surprise = (float(np.mean([getattr(each, name) for each in several])) for name in ("error", "surprise"))
        return cls(error, first.guess, surprise, first.n)


_LEAST_SHARE = 0.02
"""No probability is taken for less, so that one sample does not decide alone."""


def folds_of(labels: MainLabels, rows: Array, seed: int) -> list[tuple[Array, Array]]:
    """Split labelled samples, by their place among these, into folds with about the same classes."""
    selection: Any = require("sklearn.model_selection", extra="sklearn")
    answers = labels.answers(rows)
    largest = int(np.unique(answers, return_counts=True)[1].max()) if labels.kind == "distribution" else 1
    if largest == 1:
        return list(selection.KFold(min(N_FOLDS, len(rows)), shuffle=True, random_state=seed).split(rows))
    splitter = selection.StratifiedKFold(min(largest, N_FOLDS), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Classes with fewer samples than folds are in some training parts only, which is all that can be done.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return list(splitter.split(rows, answers))


def evidence_of(labels: MainLabels, rows: Array, predicted: Floats) -> Evidence:
    """Compare predictions of labels that were not shown with the labels."""
    answers, n = labels.answers(rows), len(rows)
    if labels.kind == "distribution":
        right = np.take_along_axis(predicted, answers[:, np.newaxis], axis=1)
        error = float((predicted.argmax(axis=1) != answers).mean())
        return Evidence(error, 1.0 - float(np.bincount(answers).max() / n), _surprise(right), n)
    if labels.kind == "multilabel":
        right = np.where(answers == 1, predicted, 1.0 - predicted)
        return Evidence(1.0 - _f1(answers, predicted > 0.5), 1.0 - _f1(answers, answers >= 0), _surprise(right), n)
    error = float(((predicted - answers) ** 2 / np.maximum(answers.var(axis=0), 1e-12)).mean())
    return Evidence(error, 1.0, 0.5 * float(np.log(max(error, 1e-12))), n)


def _f1(answers: Array, found: Array) -> float:
    """Return the mean over the labels of the harmonic mean of precision and recall, 0 for a label that never is."""
    metrics: Any = require("sklearn.metrics", extra="sklearn")
    return float(metrics.f1_score(answers, found, average="macro", zero_division=0))


def _surprise(shares: Floats) -> float:
    return -float(np.log(np.clip(shares, _LEAST_SHARE, 1.0)).mean())


TEMPER = 4.0
"""How much a difference in surprise counts; chosen on the tuning data, among 0 to 6 and powers of the number of labels.

The very likelihood of n labels, n in its place, lets one member of a committee decide alone.
"""


def shares_by(surprises: Sequence[float]) -> Floats:
    """Return how much each of several opinions counts: ``exp(-TEMPER × surprise)``, normalised."""
    from scipy.special import softmax

    found: Floats = softmax(-TEMPER * np.asarray(surprises))
    return found


def committees_of(domain: str, kind: str, known: Known) -> list[Committee]:
    """Return what may teach in a domain by these features; the first is preferred where others are no better.

    For classes of images, signals and texts there is one each: on the tuning data the mean of all members was better
    than the member that cross-validation chose.
    """
    linear: Any = require("sklearn.linear_model", extra="sklearn")
    ensemble: Any = require("sklearn.ensemble", extra="sklearn")
    spreading: Any = require("sklearn.semi_supervised", extra="sklearn")
    multi: Any = require("sklearn.multiclass", extra="sklearn")
    view = "statistics" if "statistics" in known else "features"
    n = len(known["features"])
    if kind == "vector":
        trees = Member("trees", ensemble.ExtraTreesRegressor(N_TREES, random_state=0), view)
        ridge = Member("ridge", linear.RidgeCV(np.logspace(-2, 4, 13)))
        return [Committee((trees,)), Committee((ridge,)), Committee((trees, ridge))]
    if kind == "multilabel":
        # Balanced, because rare labels would never be said.
        each = linear.LogisticRegression(C=0.1, max_iter=500, class_weight="balanced")
        return [Committee((Member("logistic", multi.OneVsRestClassifier(each)),))]
    trees = Member("trees", ensemble.ExtraTreesClassifier(N_TREES, random_state=0), view)
    ridge = Member("ridge", linear.RidgeClassifierCV(np.logspace(-1, 4, 11)))
    spread = Member(
        "label spreading",
        spreading.LabelSpreading("knn", n_neighbors=min(7, n), alpha=0.5, max_iter=100, tol=1e-4),
        "components",
        spreads=True,
    )
    logistic = Member("logistic", linear.LogisticRegression(C=20.0, max_iter=1000))
    if domain == "text":
        return [Committee((logistic,))]
    if domain == "image":
        return [Committee((ridge, spread))]
    if domain == "signal":
        padded = Member("ridge on padded series", ridge.estimator, "padded")
        members = (ridge, *([padded] if "padded" in known else []), spread, *([trees] if view != "features" else []))
        return [Committee(members)]
    return [Committee((trees, ridge)), Committee((trees,)), Committee((ridge,))]


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Say what an estimator could not do, and leave its warnings out."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of convergence, and of classes with few samples
            yield
    except (ValueError, TypeError) as error:
        raise InvalidInputError(f"`teacher`: {what}: {error}") from error


class MemberFit:
    """An estimator fitted on some labels, which says probabilities of all classes, or numbers."""

    def __init__(self, member: Member, labels: MainLabels, known: Known, rows: Array) -> None:
        self.member, self.labels = member, labels
        everything, answers = known[member.view], labels.answers(rows)
        X, y = everything[rows], answers
        if labels.kind == "distribution" and len(np.unique(answers)) == 1:
            # Of a rare class, a training part may hold no sample, and many estimators refuse a single class.
            self.estimator = require("sklearn.dummy", extra="sklearn").DummyClassifier()
        else:
            self.estimator = require("sklearn.base", extra="sklearn").clone(member.estimator)
            if member.spreads:
                X, y = everything, np.full(len(everything), -1)
                y[rows] = answers
            elif labels.kind == "vector" and labels.width == 1:
                y = answers[:, 0]
        with _named(f"{member.name} cannot be fitted on {len(rows)} labelled samples with {X.shape[1]} features"):
            self.estimator.fit(X, y)

    def says(self, known: Known, *, own: bool, rows: Array | None = None) -> Floats:
        """Return soft labels for samples, or some of them; `own` if it was fitted on these samples."""
        features = known[self.member.view] if rows is None else known[self.member.view][rows]
        with _named(f"{self.member.name} cannot predict {len(features)} samples"):
            if self.labels.kind == "vector":
                predicted = np.asarray(self.estimator.predict(features), np.float64)
                return predicted.reshape(len(features), self.labels.width)
            if self.labels.kind == "multilabel":
                return self._flags(features)
            spread = getattr(self.estimator, "label_distributions_", None) if own and self.member.spreads else None
            if spread is not None and rows is not None:
                spread = spread[rows]
            found = self._shares(features) if spread is None else _softened(spread)
        shares = np.zeros((len(features), self.labels.width))
        shares[:, np.asarray(self.estimator.classes_, int)] = found
        return shares

    def _shares(self, features: Floats) -> Floats:
        if hasattr(self.estimator, "predict_proba"):
            # Samples whose neighbours nothing spread to get NaN.
            return _softened(np.asarray(self.estimator.predict_proba(features), np.float64))
        margins = np.asarray(self.estimator.decision_function(features), np.float64)
        if margins.ndim == 1:
            margins = np.stack([-margins, margins], axis=1)
        from scipy.special import softmax

        # Margins of a ridge classifier lie between -1 and 1, about.
        return np.asarray(softmax(5.0 * margins, axis=1))

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

    def __init__(self, committee: Committee, labels: MainLabels, known: Known, shares: Floats) -> None:
        self.members = [MemberFit(member, labels, known, labels.rows) for member in committee.members]
        self.shares = shares

    def says(self, known: Known, *, own: bool = False) -> Floats:
        """Return soft labels for samples, shape (n, width); `own` if these are the samples it was fitted on."""
        return np.tensordot(self.shares, [member.says(known, own=own) for member in self.members], axes=1)


class Unseen(NamedTuple):
    """What a committee says of the labelled samples when it was not shown their labels.

    `shares` are how much each member counts, `said` is the mean over several divisions into folds, of shape
    (n_labelled, width), and the evidence is of one division, on average.
    """

    shares: Floats
    said: Floats
    evidence: Evidence


def cross_validated(committees: Sequence[Committee], labels: MainLabels, known: Known, seed: int) -> list[Unseen]:
    """Predict each labelled sample from the others, several times over."""
    rows = labels.rows
    members = list({member.name: member for each in committees for member in each.members}.values())
    said = {member.name: np.zeros((REPEATS, len(rows), labels.width)) for member in members}
    for repeat in range(REPEATS):
        for train, test in folds_of(labels, rows, seed + repeat):
            for member in members:
                fit = MemberFit(member, labels, known, rows[train])
                said[member.name][repeat][test] = fit.says(known, own=True, rows=rows[test])

    def evidence(several: Floats) -> Evidence:
        return Evidence.mean([evidence_of(labels, rows, each) for each in several])

    found = []
    for committee in committees:
        opinions = [said[member.name] for member in committee.members]
        shares = shares_by([evidence(each).surprise for each in opinions])
        mixed = np.tensordot(shares, opinions, axes=1)
        found.append(Unseen(shares, mixed.mean(axis=0), evidence(mixed)))
    return found


def choose(committees: Sequence[Committee], labels: MainLabels, known: Known, seed: int) -> tuple[Committee, Unseen]:
    """Return the committee with the least error, the first of those alike."""
    tried = zip(committees, cross_validated(committees, labels, known, seed), strict=True)
    return min(tried, key=lambda pair: pair[1].evidence.error)


def own_committee(estimator: Any, kind: str) -> Committee:
    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params") or isinstance(estimator, type):
        raise InvalidTypeError(
            f"`teacher` must be a scikit-learn estimator, such as LogisticRegression(); got {abbreviated(estimator)}."
        )
    needed = ("predict",) if kind == "vector" else ("predict_proba", "decision_function")
    needed = ("predict_proba",) if kind == "multilabel" else needed
    if not any(hasattr(estimator, name) for name in needed):
        raise InvalidTypeError(
            f"`teacher`: {type(estimator).__name__} has no {' or '.join(needed)}, which soft labels of kind {kind!r} "
            "need; choose another estimator, or wrap it in sklearn.calibration.CalibratedClassifierCV."
        )
    return Committee((Member(type(estimator).__name__, estimator),))
