"""Which estimators teach, how well they predict, and what is said of those that cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from auxtasks import make_aux_targets
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.teacher.choice import (
    TEMPER,
    Committee,
    Member,
    Unseen,
    committees_of,
    cross_validated,
    evidence_of,
    folds_of,
    shares_by,
)
from auxtasks.teacher.labels import read_main

X = np.random.default_rng(0).normal(size=(30, 4))
Y = (X[:12, 0] > 0).astype(int)


class Failing(LogisticRegression):
    def fit(self, X: Any, y: Any) -> Any:
        raise ValueError("no")


def _made(teacher: Any, y: Any = Y) -> Any:
    return make_aux_targets(X, "any", {"soft_labels": {"teacher": teacher}}, y=y)


@pytest.mark.parametrize(
    ("teacher", "y"),
    [
        (LogisticRegression(), Y),
        (SVC(), Y),
        (SVC(), [0, 1, 2, 0, 1, 2]),
        (make_pipeline(StandardScaler(), LogisticRegression()), Y),
        (Ridge(), X[:9, 0]),
        (Ridge(), X[:9, :2]),
        (KNeighborsClassifier(1), np.array([[0, 1, 1], [1, 1, 1], [1, 0, 1], [0, 0, 1]])),
    ],
)
def test_estimators_of_ones_own(teacher: Any, y: Any) -> None:
    soft = _made(teacher, y)["soft_labels"]
    assert np.isfinite(soft[len(y) :]).all()
    assert np.isnan(soft[: len(y)]).all()


@pytest.mark.parametrize("teacher", [LogisticRegression(), SVC()])
@pytest.mark.parametrize("y", [[0, 0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 2, 3], [0, 5, 0, 5]])
def test_rare_classes(teacher: Any, y: list[int]) -> None:
    targets = _made(teacher, y)
    assert targets["soft_labels"].shape == (30, max(y) + 1)
    np.testing.assert_allclose(targets["soft_labels"][len(y) :].sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize(
    ("teacher", "y", "error", "message"),
    [
        (Ridge(), Y, InvalidTypeError, "Ridge has no predict_proba or decision_function, .*CalibratedClassifierCV"),
        (SVC(), np.array([[0, 1], [1, 1]]), InvalidTypeError, "SVC has no predict_proba"),
        (LogisticRegression, Y, InvalidTypeError, r"must be a scikit-learn estimator, such as LogisticRegression\(\)"),
        ("ridge", Y, InvalidTypeError, "must be a scikit-learn estimator.*got 'ridge'"),
        (Failing(), Y, InvalidInputError, "`teacher`: Failing cannot be fitted on .* with 4 features: no"),
        (LogisticRegression(), X[:9, 0], InvalidInputError, "cannot be fitted on .*: Unknown label type: continuous"),
        (
            KNeighborsClassifier(20),
            Y,
            InvalidInputError,
            "KNeighborsClassifier cannot predict .* Expected n_neighbors",
        ),
        (None, [1, 1, 1, 0], InvalidInputError, "fewer than two classes of two labels each among its 4 labels"),
        (None, [0.5], InvalidInputError, "too little to train a teacher"),
    ],
)
def test_what_cannot_teach_is_refused(teacher: Any, y: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        _made(teacher, y)


@pytest.mark.parametrize("y", [[0, 1], [0, 0, 0, 1], [0, 1, 2], [0, 1] * 9, [0.5, 1.5], X[:9, :2]])
def test_folds_are_apart_and_hold_each_label_once(y: Any) -> None:
    (labels,) = read_main(y, 30, 30)
    folds = folds_of(labels, labels.rows, 0)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(y)))
    assert not any(set(train) & set(test) for train, test in folds)


def test_evidence() -> None:
    (labels,) = read_main([0, 0, 0, 1], 4, 4)
    found = evidence_of(labels, labels.rows, np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]))
    assert (found.error, found.guess) == (0.5, 0.25)
    assert found.surprise == pytest.approx(-np.log([0.9, 0.9, 0.2, 0.5]).mean())
    (flags,) = read_main(np.array([[0, 1], [1, 1]]), 2, 2)
    # The first label is never found, F1 0, the second always, F1 1.
    assert evidence_of(flags, flags.rows, np.array([[0.1, 0.9], [0.1, 0.9]])).error == 0.5
    (numbers,) = read_main(np.array([0.0, 2.0, 4.0]), 3, 3)
    assert evidence_of(numbers, numbers.rows, np.full((3, 1), 2.0)).error == pytest.approx(1.0)


def test_cross_validation_is_repeated_with_other_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    (labels,) = read_main(X[:9, 0] + X[:9, 1] ** 2, len(X), len(X))

    def found(repeats: int, seed: int) -> Unseen:
        monkeypatch.setattr("auxtasks.teacher.choice.REPEATS", repeats)
        return cross_validated([Committee((Member("ridge", Ridge()),))], labels, {"features": X}, seed)[0]

    one, other, both = found(1, seed=0), found(1, seed=1), found(2, seed=0)
    assert not np.allclose(one.said, other.said)
    np.testing.assert_allclose(both.said, (one.said + other.said) / 2)
    assert both.evidence.error == pytest.approx((one.evidence.error + other.evidence.error) / 2)


def test_opinions_count_by_their_likelihood() -> None:
    np.testing.assert_allclose(shares_by([1.0, 1.0]), [0.5, 0.5])
    np.testing.assert_allclose(shares_by([0.0, 1.0])[0], 1 / (1 + np.exp(-TEMPER)))
    assert shares_by([1e6, 0.0]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("domain", ["signal", "image", "text", "any", "video"])
@pytest.mark.parametrize("kind", ["distribution", "multilabel", "vector"])
def test_there_is_a_committee_for_everything(domain: str, kind: str) -> None:
    known = {view: np.zeros((3, 2)) for view in ("features", "components", "statistics", "padded")}
    committees = committees_of(domain, kind, known if domain == "signal" else {"features": known["features"]})
    assert all(committee.name for committee in committees)
    assert {member.view for committee in committees for member in committee.members} <= known.keys()


@pytest.mark.parametrize("n", [5, 8])
def test_the_committee_of_images_teaches_few_samples(n: int) -> None:
    images = np.random.default_rng(1).random((n, 6, 6))
    soft = make_aux_targets(images, "image", "soft_labels", y=[0, 1, 1, 0])["soft_labels"]
    np.testing.assert_allclose(soft[4:].sum(axis=1), 1.0, atol=1e-5)
