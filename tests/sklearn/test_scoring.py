"""Scorers that leave out samples without a label, and how long an estimator trains by default."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.sklearn import scorer
from auxtasks.sklearn.building import epochs_for

X = np.zeros((12, 1))
CLASSES = np.array([0, 0, -1, -1] * 3)
ZERO = DummyClassifier(strategy="constant", constant=0)


@pytest.mark.parametrize(
    "scoring", [scorer("accuracy"), scorer(make_scorer(accuracy_score)), scorer(accuracy_score, greater_is_better=True)]
)
def test_missing_labels_are_not_a_class(scoring: Any) -> None:
    assert cross_val_score(ZERO, X, CLASSES, scoring="accuracy", cv=3).tolist() == [0.5] * 3
    assert cross_val_score(ZERO, X, CLASSES, scoring=pickle.loads(pickle.dumps(scoring)), cv=3).tolist() == [1.0] * 3  # noqa: S301


def test_missing_names_and_numbers_are_left_out() -> None:
    names = np.array(["a", "b", None, -1], object)
    always = DummyClassifier(strategy="constant", constant="a").fit(X[:2], ["a", "b"])
    assert scorer("accuracy")(always, X[:4], names) == 0.5
    numbers = np.array([1.0, 3.0, np.nan, np.nan])
    mean = DummyRegressor(strategy="constant", constant=2.0).fit(X[:2], numbers[:2])
    assert scorer("neg_mean_squared_error")(mean, X[:4], numbers) == -1.0
    assert scorer("accuracy", unlabelled=None)(ZERO.fit(X, CLASSES), X, CLASSES) == 0.5


def test_weights_are_cut_with_the_samples() -> None:
    y, weights = np.array([0, 1, -1, 0]), np.array([3.0, 1.0, 9.0, 0.0])
    assert scorer("accuracy")(ZERO.fit(X[:4], y), X[:4], y, sample_weight=weights) == 0.75


def test_searches_and_several_scores_take_it() -> None:
    search = GridSearchCV(ZERO, {"constant": [0, -1]}, scoring=scorer("accuracy"), cv=3).fit(X, CLASSES)
    assert search.best_params_ == {"constant": 0}
    both = cross_validate(ZERO, X, CLASSES, scoring={"of all": "accuracy", "labelled": scorer("accuracy")}, cv=3)
    assert (both["test_of all"].tolist(), both["test_labelled"].tolist()) == ([0.5] * 3, [1.0] * 3)


def test_what_cannot_be_a_scorer_is_refused() -> None:
    with pytest.raises(InvalidTypeError, match="`scoring` must be the name of a scorer, a scorer or a metric"):
        scorer(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="greater_is_better is for a metric, and 'accuracy' names a scorer"):
        scorer("accuracy", greater_is_better=True)
    with pytest.raises(InvalidInputError, match="holds no label at all among its 12 samples; nothing can be scored"):
        scorer("accuracy")(ZERO, X, np.full(12, -1))


class _Model:
    @staticmethod
    def _share(share: Any) -> Any:
        return 0.5 if share == "auto" else share


LABELLED = np.where(np.arange(1000) < 40, 1, -1)


@pytest.mark.parametrize(
    ("options", "labels", "epochs"),
    [
        ({}, np.ones(320, int), 30),
        ({}, np.ones(20_000, int), 1),
        ({}, LABELLED, 5),  # 60 batches of 16 unlabelled samples
        ({"labelled_share": None}, LABELLED, 10),
        ({"shuffle": False}, LABELLED, 10),
        ({"steps_per_epoch": 7}, LABELLED, 43),
        ({"batch_size": 8}, np.ones(320, int), 8),
        ({"epochs": 3}, LABELLED, 3),
    ],
)
def test_the_default_is_so_many_steps(options: dict[str, Any], labels: Any, epochs: int) -> None:
    asked = {"epochs": "auto", "batch_size": 32, "labelled_share": "auto", **options}
    assert epochs_for(_Model(), asked, {"main": labels}) == epochs
