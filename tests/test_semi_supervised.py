"""The splitter that hides labels, alone and in scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit, cross_val_score

from auxtasks.audit.splits import overlap_of, splits_of
from auxtasks.errors import InvalidInputError
from auxtasks.splits import SemiSupervisedSplit

Y = np.r_[np.arange(80) % 4, np.full(20, -1)]
LABELLED = Y >= 0


def split(cv: Any, seeds: Any = (0, 1, 2), groups: Any = None) -> Any:
    return splits_of(Y, LABELLED, cv, groups, seeds, has_test=False, stratify=True)


@pytest.mark.parametrize("cv", [None, 4, KFold(5, shuffle=True), TimeSeriesSplit(3)])
def test_hidden_samples_are_trained_on_and_each_class_keeps_a_label(cv: Any) -> None:
    splits = split(SemiSupervisedSplit(0.8, cv=cv))
    for found in splits:
        assert np.isin(found.hidden, found.train).all()
        assert LABELLED[found.hidden].all()
        assert not np.isin(found.test, found.train).any()
        assert set(np.flatnonzero(~LABELLED)) <= set(found.train)
        shown = np.setdiff1d(found.train[LABELLED[found.train]], found.hidden)
        assert set(Y[shown]) == {0, 1, 2, 3}
        assert len(shown) == found.shown(LABELLED).sum() == pytest.approx(0.2 * (len(shown) + len(found.hidden)), abs=1)
    same = split(SemiSupervisedSplit(0.8, cv=cv))
    assert all(np.array_equal(one.hidden, other.hidden) for one, other in zip(splits, same, strict=True))
    assert len({tuple(found.hidden) for found in splits}) == len(splits)


def test_the_split_is_the_same_with_and_without_hiding() -> None:
    for one, other in zip(split(4), split(SemiSupervisedSplit(0.5, cv=4)), strict=True):
        np.testing.assert_array_equal(one.test, other.test)
        np.testing.assert_array_equal(one.train, other.train)
    assert overlap_of(split(4), LABELLED) == overlap_of(split(SemiSupervisedSplit(0.5, cv=4)), LABELLED)


def test_groups_stay_on_one_side() -> None:
    groups = np.arange(100) % 10
    for found in split(SemiSupervisedSplit(0.5, cv=GroupKFold(5)), groups=groups):
        assert not np.intersect1d(groups[found.train], groups[found.test]).size
    for train, test, hidden in SemiSupervisedSplit(0.5, cv=3).split_three(Y[:80], Y[:80], groups[:80]):
        assert not np.intersect1d(groups[np.r_[train, hidden]], groups[test]).size


def test_several_labels_are_hidden_by_label() -> None:
    flags = np.zeros((80, 3), int)
    flags[::4, 0], flags[5:9, 1], flags[1:40, 2] = 1, 1, 1
    for found in splits_of(flags, np.ones(80, bool), SemiSupervisedSplit(0.9), None, range(8), has_test=False):
        shown = flags[found.train[found.shown(np.ones(80, bool))]]
        np.testing.assert_array_equal(shown.any(axis=0), flags[found.train].any(axis=0))


def test_it_is_a_splitter_to_scikit_learn() -> None:
    splitter = SemiSupervisedSplit(0.5, cv=4, random_state=7)
    assert len(cross_val_score(DummyClassifier(), Y[:80, None], Y[:80], cv=splitter)) == 4
    assert repr(splitter) == "SemiSupervisedSplit(0.5, cv=4, stratify=None, random_state=7)"
    assert [SemiSupervisedSplit(3, cv=cv).get_n_splits() for cv in (None, KFold(3), [([0, 1], [2])])] == [1, 3, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SemiSupervisedSplit(1.0), "1.0 leaves no label"),
        (lambda: SemiSupervisedSplit(0.5, cv=1), "`cv` must be at least 2 folds"),
        (lambda: SemiSupervisedSplit(0.5, cv=SemiSupervisedSplit(0.5)), "`cv` already hides labels"),
        (lambda: SemiSupervisedSplit(0.5, random_state=-1), "`random_state` must be at least 0"),
        (lambda: split(SemiSupervisedSplit(58)), "leaves 2 of the 60 labels of 'y', which has 4 classes"),
        (lambda: split(SemiSupervisedSplit(60)), "`hide` must be from 0 to 59"),
        (
            lambda: SemiSupervisedSplit(0.5).split_three(Y, Y),
            "20 of the 100 labels are missing .* leave the others out",
        ),
        (
            lambda: list(SemiSupervisedSplit(0.5).split([1, 2], [1, 2, 3])),
            "one entry for each of the 2 samples; found 3",
        ),
    ],
)
def test_what_cannot_be_split_is_refused(make: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        make()
