"""Fusing predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import mode

import auxtasks
from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.fuse import fuse

RNG = np.random.default_rng(0)
P = RNG.dirichlet(np.ones(4), size=(5, 30))
SHAPES = [(7,), (7, 1), (7, 4), (7, 3, 2), (0, 4)]
probabilities = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(2, 4)), elements=st.floats(0, 1)
)


def test_it_is_found_where_users_look() -> None:
    assert auxtasks.fuse is fuse


def test_the_mean_is_numpys_and_that_of_scikit_learn() -> None:
    from sklearn.ensemble import VotingClassifier
    from sklearn.linear_model import LogisticRegression

    X, y = RNG.normal(size=(40, 3)), np.arange(40) % 3
    members = [(str(c), LogisticRegression(C=c)) for c in (0.01, 1.0, 100.0)]
    soft = VotingClassifier(members, voting="soft", weights=[3, 1, 2]).fit(X, y)
    hard = VotingClassifier(members, voting="hard", weights=[3, 1, 2]).fit(X, y)
    each = [member.predict_proba(X) for member in soft.estimators_]
    np.testing.assert_allclose(fuse(each, weights=[3, 1, 2]), soft.predict_proba(X))
    np.testing.assert_array_equal(fuse(each, "vote", weights=[3, 1, 2]), hard.predict(X))
    np.testing.assert_allclose(fuse(P), P.mean(axis=0))
    np.testing.assert_array_equal(fuse(P, "max"), P.max(axis=0))


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(1, 8)), elements=st.integers(0, 4)))
def test_a_vote_is_the_mode_and_ties_go_to_the_smallest(labels: Any) -> None:
    np.testing.assert_array_equal(fuse(labels, "vote"), mode(labels, axis=0).mode)


@given(probabilities, st.sampled_from(["mean", "max", "vote"]), st.randoms(use_true_random=False))
def test_the_order_of_predictors_and_what_form_they_come_in_do_not_matter(
    stacked: Any, method: Any, random: Any
) -> None:
    order = random.sample(range(len(stacked)), len(stacked))
    expected = fuse(stacked, method)
    named = {str(number): stacked[number] for number in order}
    for same in (list(stacked[order]), named, tf.constant(stacked), stacked.tolist()):
        np.testing.assert_allclose(fuse(same, method), expected, atol=1e-12)


@given(probabilities, st.sampled_from(["mean", "max", "vote"]))
def test_predictors_that_are_missing_leave_the_decision_to_the_others(stacked: Any, method: Any) -> None:
    nobody = np.full_like(stacked[:1], np.nan)
    np.testing.assert_array_equal(fuse(np.concatenate([nobody, stacked]), method), fuse(stacked, method))
    assert (fuse(nobody, "vote") == -1).all()
    assert np.isnan(fuse(nobody, "mean")).all()
    assert np.isnan(fuse(nobody, "max")).all()


@given(probabilities, st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_a_weight_counts_a_predictor_as_often(stacked: Any, weights: list[int]) -> None:
    weights = [1, *weights[: len(stacked) - 1]]
    repeated = np.repeat(stacked, weights, axis=0)
    np.testing.assert_allclose(fuse(stacked, weights=weights), fuse(repeated), atol=1e-12)
    np.testing.assert_array_equal(fuse(stacked, "vote", weights), fuse(repeated, "vote"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_alike_predictors_are_left_as_they_are(shape: Any, dtype: str) -> None:
    one = RNG.uniform(size=shape).astype(dtype)
    for method in ("mean", "max"):
        fused = fuse([one, one, one], method)
        np.testing.assert_allclose(fused, one, rtol=1e-15 if dtype == "float64" else 0)
        assert fused.dtype == dtype


def test_labels_of_several_columns_are_voted_on_one_by_one() -> None:
    flags = np.array([[[1, 0], [1, 1]], [[1, 1], [-1, 0]], [[0, 0], [-1, 0]]])
    assert fuse(flags, "vote").tolist() == [[1, 0], [1, 0]]
    voted = fuse(flags == 1, "vote")
    assert (voted.dtype, voted.tolist()) == (bool, [[True, False], [False, False]])


def test_the_probability_of_one_class_votes_above_a_half() -> None:
    single = np.array([[[0.9], [0.5], [np.nan]], [[0.6], [0.2], [np.nan]], [[0.1], [0.9], [np.nan]]])
    assert fuse(single, "vote").tolist() == fuse(single[..., 0], "vote").tolist() == [1, 0, -1]


def test_half_known_rows_cast_no_vote_but_count_in_the_mean() -> None:
    known, half = np.array([[0.6, 0.4]]), np.array([[np.nan, 1.0]])
    assert fuse([known, half], "vote").tolist() == [0]
    np.testing.assert_allclose(fuse([known, half]), [[0.6, 0.7]])


def test_rounding_of_weights_breaks_no_tie() -> None:
    assert fuse([[0], [1], [1], [1]], "vote", [0.3, 0.1, 0.1, 0.1]).tolist() == [0]


def test_a_predictor_of_weight_0_is_not_there() -> None:
    broken = np.array([np.inf, np.nan])
    assert fuse({"a": [1.0, 2.0], "b": broken}, weights={"b": 0}).tolist() == [1.0, 2.0]
    assert fuse({"a": [0.1, 0.9], "b": broken}, "vote", {"b": 0}).tolist() == [0, 1]


def test_integers_of_all_types_are_classes() -> None:
    kinds = (np.uint64, np.int8, np.int64)
    assert fuse([np.array([1, 3], kind) for kind in kinds], "vote").tolist() == [1, 3]


@pytest.mark.parametrize(
    ("predictions", "kwargs", "error", "message"),
    [
        ([], {}, InvalidInputError, "`predictions` is empty"),
        ({}, {}, InvalidInputError, "`predictions` is empty"),
        (3, {}, InvalidTypeError, "must be a list or mapping of arrays.*got int"),
        ((p for p in P), {}, InvalidTypeError, "got generator"),
        ([0.5, 0.5], {}, InvalidInputError, "number 0 must hold an entry for each sample"),
        ([[0.5], [0.5, 1.0]], {}, InvalidInputError, r"number 0 has \(1,\) and number 1 has \(2,\)"),
        ({"a": [0.5], "b": [[0.5]]}, {}, InvalidInputError, r"'a' has \(1,\) and 'b' has \(1, 1\)"),
        ([["x"]], {}, InvalidTypeError, "must hold numbers; number 0 has dtype"),
        ([[[1], [1, 2]]], {}, InvalidTypeError, "number 0` cannot be read as an array"),
        ([{"a": [0.5]}], {}, InvalidTypeError, "mapping of several outputs. Fuse them one by one"),
        ([[1, 2]], {}, InvalidInputError, "hold int64.*use method='vote'"),
        ([[1, 2], [0.5, 1]], {}, InvalidTypeError, "all be floats .* or all integers .* found float64, int64"),
        ([[2.5]], {"method": "vote"}, InvalidInputError, "outside 0 to 1. For logits apply the sigmoid"),
        (P, {"method": "median"}, UnknownNameError, "no choice named 'median'"),
        (P, {"method": "max", "weights": [1] * 5}, InvalidInputError, "omit them for 'max'"),
        (P, {"weights": [1] * 4}, InvalidInputError, "one entry for each of the 5 predictors; got 4"),
        (P, {"weights": [0] * 5}, InvalidInputError, "`weights` are all 0"),
        (P, {"weights": [1, 1, 1, 1, -1]}, InvalidInputError, "`weights` must be at least 0.*got -1"),
        (P, {"weights": 2.0}, InvalidTypeError, "one number for each predictor; got 2.0"),
        (P, {"weights": {"a": 1}}, InvalidTypeError, "`weights` by name need `predictions` by name"),
        ({"late": [0.5]}, {"weights": {"lat": 1}}, UnknownNameError, "named 'lat'. Did you mean 'late'"),
    ],
)
def test_what_cannot_be_fused_is_refused(predictions: Any, kwargs: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        fuse(predictions, **kwargs)
