"""Hiding labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.splits import hide_labels

Y = np.repeat([0, 1, 2, 3], [60, 30, 9, 1])
classes = st.lists(st.integers(0, 4), min_size=2, max_size=60).map(np.array)


def n_present(y: Any) -> int:
    missing = np.isnan(y) if y.dtype.kind == "f" else y == -1
    return int((~missing.reshape(len(y), -1).all(axis=1)).sum())


@given(classes, st.floats(0, 1, exclude_max=True), st.integers(0, 5))
def test_the_stated_share_is_hidden_and_nothing_else_changes(y: Any, hide: float, seed: int) -> None:
    count = min(round(hide * len(y)), len(y) - 1)
    if len(y) - count < len(np.unique(y)):
        with pytest.raises(InvalidInputError, match="so that each class keeps one"):
            hide_labels(y, hide, seed=seed)
        return
    before, found = y.copy(), hide_labels(y, hide, seed=seed)
    np.testing.assert_array_equal(y, before)
    assert n_present(found) == len(y) - count
    np.testing.assert_array_equal(found[found >= 0], y[found >= 0])
    np.testing.assert_array_equal(np.unique(found[found >= 0]), np.unique(y))
    np.testing.assert_array_equal(found, hide_labels(y, hide, seed=seed))


@given(classes, st.floats(0.05, 0.95), st.integers(0, 5))
def test_classes_keep_their_shares_give_or_take_one(y: Any, hide: float, seed: int) -> None:
    kept = len(y) - round(hide * len(y))
    sizes = np.unique(y, return_counts=True)[1]
    if kept < len(sizes):
        return
    found = np.unique(hide_labels(y, hide, seed=seed), return_counts=True)[1][-len(sizes) :]
    # One label a class comes first, whatever its share, and the others pay for these.
    fair = kept * sizes / len(y)
    paid = int(np.maximum(1 - fair, 0).sum().round(9))
    assert ((found >= 1) & (np.abs(found - fair) < 2 + paid)).all()


def test_shares_of_a_usual_set() -> None:
    kept = hide_labels(Y, 0.8, seed=3)
    assert np.bincount(kept[kept >= 0]).tolist() == [11, 6, 2, 1]


def test_each_seed_draws_others() -> None:
    draws = {tuple(np.flatnonzero(hide_labels(Y, 90, seed=seed) >= 0)) for seed in range(20)}
    assert len(draws) == 20


@pytest.mark.parametrize(
    ("y", "dtype"),
    [
        (np.arange(8, dtype=np.uint8) % 2, np.int32),
        (np.arange(8) % 2 == 0, np.int32),
        (np.linspace(0, 1, 8, dtype=np.float32), np.float32),
        (np.eye(2)[np.arange(8) % 2], np.float64),
        (np.array([[0, 1, 1]] * 8), np.int64),
    ],
)
def test_every_type_can_say_missing(y: Any, dtype: Any) -> None:
    found = hide_labels(y, 0.5)
    assert (found.dtype, n_present(found)) == (dtype, 4)


def test_columns_of_tables_are_read() -> None:
    pandas = pytest.importorskip("pandas")
    column = pandas.Series([0, 1, None, 1, 0], index=[9, 8, 7, 6, 5], dtype="Int64")
    found = hide_labels(column, 2)
    assert (found.dtype, found[2], sorted(found[found >= 0])) == (np.int64, -1, [0, 1])
    assert list(hide_labels({1: column}, 0)) == [1]


def test_masked_labels_are_missing() -> None:
    found = hide_labels(np.ma.masked_array([0, 1, 5, 1, 0], np.arange(5) == 2), 2)
    assert (found[2], sorted(found[found >= 0])) == (-1, [0, 1])


def test_one_hot_rows_are_stratified() -> None:
    kept = hide_labels(np.eye(4)[Y], 0.8)
    assert np.nansum(kept, axis=0).tolist() == [11, 6, 2, 1]


@given(st.integers(0, 50), st.sampled_from([int, float, bool]), st.booleans())
def test_each_of_several_labels_keeps_a_positive_where_it_has_one(seed: int, dtype: Any, holes: bool) -> None:
    rng = np.random.default_rng(seed)
    flags = (rng.random((80, 6)) < [0.5, 0.3, 0.1, 0.03, 0.02, 0.0]).astype(dtype)
    if holes and dtype is not bool:
        flags[rng.random(flags.shape) < 0.3] = np.nan if dtype is float else -1
    kept = hide_labels(flags, 0.9, seed=seed)
    np.testing.assert_array_equal((kept == 1).any(axis=0), (flags == 1).any(axis=0))
    n = n_present(flags * 1)
    assert n_present(kept) == n - round(0.9 * n)


def test_few_samples_are_enough_for_labels_that_come_together() -> None:
    flags = np.zeros((50, 4), int)
    flags[7], flags[20:30, 0], flags[30:35, 1] = 1, 1, 1
    for seed in range(5):
        assert (hide_labels(flags, 49, seed=seed)[7] == 1).all()


def test_labels_that_were_missing_do_not_count() -> None:
    y = np.r_[Y, np.full(50, -1)]
    found = hide_labels(y, 0.8)
    assert n_present(found) == 20
    assert (found[100:] == -1).all()


def test_tasks_have_shares_and_draws_of_their_own() -> None:
    pose, y = np.arange(100) % 4, Y.astype(float)
    both = hide_labels({"main": y, "pose": pose, "other": pose}, {"main": 0.9, "pose": 50}, seed=1)
    assert [n_present(both[name]) for name in ("main", "pose", "other")] == [10, 50, 100]
    alone = hide_labels({"pose": pose}, {"pose": 50}, seed=1)
    np.testing.assert_array_equal(alone["pose"], both["pose"])
    twins = hide_labels({"a": pose, "b": pose}, 0.5)
    assert not np.array_equal(twins["a"], twins["b"])


def test_floats_are_classes_if_told() -> None:
    found = hide_labels(Y.astype(float), 0.9, stratify=True)
    assert set(found[np.isfinite(found)]) == {0, 1, 2, 3}
    shares = [(hide_labels(Y, 0.9, seed=seed, stratify=False) == 3).any() for seed in range(20)]
    assert not all(shares)


@pytest.mark.parametrize(
    ("y", "hide", "kwargs", "error", "message"),
    [
        (Y, 1.5, {}, InvalidInputError, "`hide` must be from 0.0 to 1.0; got 1.5"),
        (Y, -1, {}, InvalidInputError, "`hide` must be from 0 to 99"),
        (Y, 100, {}, InvalidInputError, "`hide` must be from 0 to 99"),
        (Y, 1.0, {}, InvalidInputError, "1.0 leaves no label of 'y'"),
        (Y, 0.99, {}, InvalidInputError, "leaves 1 of the 100 labels of 'y', which has 4 classes; hide 96 at most"),
        (Y, "all", {}, InvalidTypeError, "`hide` must be a number; got 'all'"),
        (Y, {"main": 0.5}, {}, InvalidTypeError, "`hide` by name needs `y` by name"),
        ({"main": Y}, {"mian": 0.5}, {}, UnknownNameError, "named 'mian'. Did you mean 'main'"),
        (["a", "b"], 0.5, {}, InvalidTypeError, "`y` must hold integers or floats"),
        ([], 0.5, {}, InvalidInputError, "`y` holds no label"),
        (3, 0.5, {}, InvalidInputError, "got the single number 3"),
        (np.ones((4, 2, 2)), 0.5, {"stratify": True}, InvalidInputError, r"'y' of shape \(4, 2, 2\) is neither"),
        (
            np.array([2**63], dtype=np.uint64),
            0.0,
            {},
            InvalidInputError,
            "`y` holds 9223372036854775808, too large for",
        ),
        (np.eye(6, 3)[[0, 1, 2, 3, 0]] + np.eye(5, 3, 1), 4, {}, InvalidInputError, "where a positive of each label"),
        (Y, 0.5, {"seed": -1}, InvalidInputError, "`seed` must be at least 0"),
        (Y, 0.5, {"stratify": "y"}, InvalidTypeError, "`stratify` must be True or False; got 'y'"),
        (Y, float("nan"), {}, InvalidInputError, "`hide` must be from 0.0 to 1.0; got nan"),
        ([-1, 1, 1], 1, {}, InvalidInputError, "`y` holds only -1 and 1.*encode two classes as 0 and 1"),
    ],
)
def test_what_cannot_be_hidden_is_refused(y: Any, hide: Any, kwargs: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        hide_labels(y, hide, **kwargs)
