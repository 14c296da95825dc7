from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, LeaveOneGroupOut, StratifiedKFold, TimeSeriesSplit

from auxtasks.audit.splits import overlap_of, splits_of
from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError

Y = np.array([0, 1, 2] * 20 + [-1] * 40)
LABELLED = Y >= 0
GROUPS = np.arange(100) % 10


def split(cv: Any = None, groups: Any = None, seeds: Any = (0, 1, 2), y: Any = Y, labelled: Any = LABELLED) -> Any:
    return splits_of(y, labelled, cv, groups, seeds, has_test=False)


@pytest.mark.parametrize("cv", [None, 4, KFold(5), KFold(5, shuffle=True), TimeSeriesSplit(3)])
def test_labelled_samples_are_on_one_side_and_the_others_are_always_trained_on(cv: Any) -> None:
    for found in split(cv):
        assert not np.intersect1d(found.train, found.test).size
        assert LABELLED[found.test].all()
        assert set(np.flatnonzero(~LABELLED)) <= set(found.train)


def test_a_quarter_is_held_out_for_each_seed_with_all_classes() -> None:
    parts = split()
    assert [len(found.test) for found in parts] == [15, 15, 15]
    assert all(np.bincount(Y[found.test]).tolist() == [5, 5, 5] for found in parts)
    assert not np.array_equal(parts[0].test, parts[1].test)
    np.testing.assert_array_equal(split()[0].test, parts[0].test)


@pytest.mark.parametrize("cv", [4, StratifiedKFold(4)])
def test_classes_with_fewer_samples_than_folds_are_named(cv: Any) -> None:
    y = np.array([0] * 20 + [1] * 20 + [7] * 2)
    with pytest.warns(
        AuxTasksWarning, match=r"1 of the 3 classes have fewer .* than there are folds \(4\), such as class 7"
    ):
        split(cv, seeds=[0], y=y, labelled=y >= 0)


def test_folds_cover_every_labelled_sample_once_a_seed() -> None:
    for seed in (0, 1):
        tested = np.concatenate([found.test for found in split(4) if found.seed == seed])
        np.testing.assert_array_equal(np.sort(tested), np.flatnonzero(LABELLED))


def test_a_test_set_leaves_all_samples_to_train_on() -> None:
    (found, _) = splits_of(Y, LABELLED, None, None, (3, 4), has_test=True)
    assert (found.seed, len(found.train), len(found.test)) == (3, 100, 0)
    assert overlap_of([found], LABELLED) == 0


@pytest.mark.parametrize("cv", [None, 5, LeaveOneGroupOut()])
def test_groups_are_on_one_side_also_of_samples_without_a_label(cv: Any) -> None:
    for found in split(cv, GROUPS):
        assert not np.intersect1d(GROUPS[found.train], GROUPS[found.test]).size
        assert (~LABELLED[found.train]).any()


def test_time_goes_forward() -> None:
    for found in split(TimeSeriesSplit(3)):
        labelled = found.train[LABELLED[found.train]]
        assert labelled.max() < found.test.min()


@pytest.mark.parametrize("y", [np.eye(3)[Y[:60]].astype(int), Y[:60] / 7.0, np.eye(2, dtype=int)[Y[:60] % 2] * [1, 1]])
def test_rows_and_numbers_can_be_split_too(y: Any) -> None:
    parts = split(3, y=y, labelled=np.ones(60, dtype=bool))
    assert len(parts) == 9


def test_a_class_of_one_sample_does_not_stop_the_split() -> None:
    y = np.array([0] * 10 + [1] * 9 + [2])
    assert len(split(y=y, labelled=y >= 0)) == 3


def test_given_indices_count_labelled_samples() -> None:
    y = np.array([-1, 0, -1, 1, 0, 1])
    (found,) = split([([0, 1], [2, 3])], seeds=(0,), y=y, labelled=y >= 0)
    assert (found.train.tolist(), found.test.tolist()) == ([0, 1, 2, 3], [4, 5])


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(0, 1000))
def test_the_overlap_is_that_of_nadeau_and_bengio(folds: int, seed: int) -> None:
    assert overlap_of(split(folds, seeds=(seed, seed + 1)), LABELLED) == pytest.approx(1 / (folds - 1), rel=0.02)


@pytest.mark.parametrize(
    ("cv", "error", "message"),
    [
        (1, InvalidInputError, "`cv` must be at least 2 folds; got 1"),
        ("five", InvalidTypeError, "`cv` must be a number of folds.*got 'five'"),
        (61, InvalidInputError, "60 labelled samples cannot be split like this"),
        ([([0, 1], [1, 2])], InvalidInputError, "both to train and to test on"),
        ([([0, 1], [99])], InvalidInputError, "numbers from 0 to 59"),
        ([([0, 1], [])], InvalidInputError, "and 0 test samples"),
        ([], InvalidInputError, "no split at all"),
        ([1, 2], InvalidTypeError, r"entry 0 must be a pair \(train, test\).*got int 1"),
        ([([0], [1]), ([0], [1], [2])], InvalidTypeError, "entry 1 must be a pair"),
        ([(0, 1)], InvalidTypeError, "entry 0 must be a pair"),
        ([([True, False], [2])], InvalidInputError, "one entry for each of the 60 labelled samples; found 2"),
        ([([0, 1, 1], [2])], InvalidInputError, "each sample at most once per part; number 1 occurs 2 times"),
    ],
)
def test_splits_that_cannot_be_are_refused(cv: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        split(cv)


@pytest.mark.parametrize("cv", [KFold(5), [(np.arange(30), np.arange(30, 60))]])
def test_splits_that_tear_groups_apart_are_refused(cv: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"`groups`: `cv` gave 10 groups both .* such as"):
        split(cv, GROUPS)


def test_a_splitter_that_ignores_groups_may_keep_them_together_all_the_same() -> None:
    together = np.r_[np.repeat(np.arange(5), 12), np.arange(5, 45)]
    assert len(split(KFold(5), together, seeds=(0,))) == 5


CLASSES = Y[:60]
CLASS_LABELS = {
    "floats": CLASSES.astype(float),
    "column": CLASSES[:, None].astype(float),
    "one-hot": np.eye(3)[CLASSES],
    "one-hot integers": np.eye(3, dtype=int)[CLASSES],
    "signed rows": 2 * np.eye(3)[CLASSES] - 1,
    "smoothed": 0.9 * np.eye(3)[CLASSES] + 0.1 / 3,
}


@pytest.mark.parametrize("cv", [None, 4])
@pytest.mark.parametrize("name", CLASS_LABELS)
def test_classes_are_stratified_in_whatever_form_they_are(name: str, cv: Any) -> None:
    everything = np.ones(60, dtype=bool)
    for found in splits_of(CLASS_LABELS[name], everything, cv, None, range(5), has_test=False, stratify=True):
        assert np.bincount(CLASSES[found.test]).tolist() == [5, 5, 5]


def test_numbers_are_not_stratified_though_they_are_whole() -> None:
    parts = splits_of(CLASSES, np.ones(60, dtype=bool), 4, None, range(5), has_test=False, stratify=False)
    assert any(np.bincount(CLASSES[found.test]).tolist() != [5, 5, 5] for found in parts)


@pytest.mark.parametrize("name", [name for name in CLASS_LABELS if name != "smoothed"])
def test_a_stratifying_splitter_takes_one_hot_labels(name: str) -> None:
    for found in split(StratifiedKFold(4), y=CLASS_LABELS[name], labelled=np.ones(60, dtype=bool)):
        assert np.bincount(CLASSES[found.test]).tolist() == [5, 5, 5]


def test_an_iterator_gives_the_same_parts_for_every_seed() -> None:
    parts = split(iter([(np.arange(40), np.arange(40, 60))]))
    assert [found.seed for found in parts] == [0, 1, 2]
    assert all(np.array_equal(found.test, parts[0].test) for found in parts)


def test_a_mask_says_which_samples() -> None:
    tested = np.arange(60) < 20
    (found,) = split([(~tested, tested)], seeds=(0,))
    np.testing.assert_array_equal(found.test, np.arange(20))


def test_the_number_of_folds_may_be_of_numpy() -> None:
    assert len(split(np.int64(3))) == 9
