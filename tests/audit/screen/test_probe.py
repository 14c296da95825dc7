"""The linear probe: 0 for a guess, 1 without error, and the same in any units."""

from math import isnan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import LeaveOneOut, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from auxtasks.audit.screen import linear_probe
from auxtasks.audit.screen.features import averaged, frequencies, input_features, narrowed, standardised
from auxtasks.audit.screen.probe import shares_explained, step_share
from auxtasks.errors import InvalidInputError

RNG = np.random.default_rng(0)
Y = RNG.permutation(np.arange(400) % 4)
FEATURES = RNG.normal(size=(400, 6)) + np.eye(4, 6)[Y]


def test_skill_of_classes_is_about_that_of_scikit_learn() -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    told = cross_val_predict(model, FEATURES, Y, cv=StratifiedKFold(5, shuffle=True, random_state=0))
    expected = balanced_accuracy_score(Y, told, adjusted=True)
    assert linear_probe(FEATURES, Y) == pytest.approx(expected, abs=0.05)


def test_skill_of_numbers_is_the_share_of_signal() -> None:
    x = RNG.normal(size=(2000, 3))
    y = x @ [1.0, 2.0, 2.0] + 3 * RNG.normal(size=2000)
    assert linear_probe(x, y) == pytest.approx(0.5, abs=0.05)
    assert linear_probe(x, np.stack([y, x[:, 0]], axis=1)) == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_skill(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(500, 5))
    for y in (rng.integers(0, 3, 500), rng.normal(size=500), rng.integers(0, 2, (500, 3))):
        assert abs(linear_probe(noise, y)) < 0.08


def test_a_rare_class_counts_like_any_other() -> None:
    y = np.r_[np.zeros(1900, int), np.ones(100, int)]
    shifted = 1.5 * y + np.random.default_rng(0).normal(size=2000)
    # Two normal distributions 1.5 apart: half-way between, a share of Φ(0.75) of each is told right.
    assert linear_probe(shifted, y) == pytest.approx(2 * 0.7734 - 1, abs=0.1)


def test_a_class_in_the_middle_is_told_by_one_feature() -> None:
    y = np.arange(300) % 3
    assert linear_probe(y + 0.05 * RNG.normal(size=300), y) > 0.95


@settings(max_examples=10)
@given(st.floats(1e-6, 1e6), st.floats(-10, 10))
def test_units_do_not_matter(scale: float, shift: float) -> None:
    assert linear_probe(scale * (FEATURES + shift), Y) == pytest.approx(linear_probe(FEATURES, Y), abs=0.02)


@settings(max_examples=10)
@given(st.permutations(range(4)))
def test_the_numbers_of_classes_do_not_matter(numbers: list[int]) -> None:
    assert linear_probe(np.eye(4)[Y], np.array(numbers)[Y]) == 1


@pytest.mark.parametrize(
    ("y", "same"),
    [
        (np.eye(4, dtype=int)[Y], Y),
        (np.where(Y > 1, 1.0, -1.0), (Y > 1).astype(int)),
        ((Y > 1).astype(float), (Y > 1).astype(int)),
    ],
    ids=["one-hot", "signed", "floats"],
)
def test_classes_in_another_form_are_the_same(y: Any, same: Any) -> None:
    assert linear_probe(FEATURES, y) == linear_probe(FEATURES, same)


def test_signed_integers_are_classes_where_the_problem_is_known() -> None:
    signed = np.where(Y > 1, 1, -1)
    assert isnan(linear_probe(FEATURES, signed))
    assert linear_probe(FEATURES, signed, problem="binary") == linear_probe(FEATURES, signed.astype(float))


def test_the_problem_decides_what_integers_are() -> None:
    ordinal = Y + RNG.normal(size=400) * 0.01
    assert linear_probe(ordinal, Y, problem="regression") > 0.99
    assert linear_probe(ordinal, Y, problem="regression") != linear_probe(ordinal, Y)


def test_what_is_missing_is_left_out() -> None:
    labels, features = Y.copy(), FEATURES.copy()
    labels[:50] = -1
    features[350:] = np.nan
    assert linear_probe(features, labels) == linear_probe(FEATURES[50:350], Y[50:350])


@pytest.mark.parametrize(
    ("features", "y"),
    [
        (FEATURES, np.zeros(400, int)),
        (FEATURES, np.full(400, np.nan)),
        (FEATURES[:9], Y[:9]),
        (np.ones((400, 2)), Y),
        (np.full((400, 2), np.nan), Y),
        (FEATURES, np.full(400, 1.5)),
    ],
    ids=["one class", "no label", "few", "constant", "missing", "one number"],
)
def test_what_cannot_be_told_is_nan(features: Any, y: Any) -> None:
    assert isnan(linear_probe(features, y))


def test_lengths_and_numbers_are_checked() -> None:
    with pytest.raises(InvalidInputError, match=r"`features` must have a row for each of the 3 labels.*\(400, 6\)"):
        linear_probe(FEATURES, [0, 1, 0])
    with pytest.raises(InvalidInputError, match="`features` must be finite"):
        linear_probe([[np.inf], [1.0]], [0, 1])


def test_shares_are_those_of_least_squares_on_held_out_samples() -> None:
    x = RNG.normal(size=(200, 3))
    y = x @ RNG.normal(size=(3, 2)) + RNG.normal(size=(200, 2))
    told = cross_val_predict(LinearRegression(), x, y, cv=LeaveOneOut())
    means = (y.sum(axis=0) - y) / 199
    expected = 1 - ((y - told) ** 2).sum() / ((y - means) ** 2).sum()
    found = shares_explained(x, [y, 0 * y, 2 * x[:, :1] - x[:, 1:2]])
    assert found == pytest.approx([expected, np.nan, 1.0], abs=0.002, nan_ok=True)


def test_columns_are_brought_to_one_scale_and_what_is_missing_becomes_the_mean() -> None:
    values = np.array([[1.0, 5.0, 20.0, np.nan], [3.0, 5.0, 60.0, np.nan], [np.nan, 5.0, 40.0, np.nan]])
    np.testing.assert_allclose(standardised(values), [[-1, -(1.5**0.5)], [1, 1.5**0.5], [0, 0]])
    together = standardised(values, each=False)
    np.testing.assert_allclose(together[:, 1] / together[0, 1], [1, -1, 0], atol=1e-12)
    np.testing.assert_allclose(together[:, 0] / together[0, 1], np.array([1, -1, 0]) / 20, atol=1e-12)
    assert np.square(together).mean() == pytest.approx(1)
    for extreme in (1e300, 1e-300):
        np.testing.assert_allclose(standardised(values * extreme), standardised(values), atol=1e-12)


def test_the_directions_kept_are_those_of_most_variance() -> None:
    found = narrowed(np.array([[1.0, -1.0], [-1.0, 1.0]]), 1)
    np.testing.assert_allclose(np.abs(found), [[2**0.5], [2**0.5]])


def test_neighbours_are_averaged_and_classes_counted() -> None:
    assert averaged(np.arange(5.0).reshape(1, 5, 1), [2]).ravel().tolist() == [0.5, 3.0]
    found = frequencies(np.array([[0, 2, 2], [2, 0, -1], [-1, -1, -1]]), 5)
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3], [0.5, 0.5], [np.nan, np.nan]])
    ramps = np.arange(512)[:, None] * np.arange(3.0)[:, None, None] * np.ones(6)
    assert input_features(ramps, words=False).shape == (3, 768)


def test_the_classes_of_a_text_are_held_out_with_it() -> None:
    words = np.random.default_rng(0).integers(0, 5, (30, 4))
    assert step_share(words, words % 2, words=True, seed=0) == pytest.approx(1, abs=1e-3)
    # All steps of a sample look alike and have its class: only other steps of the sample could tell it.
    own = np.repeat(np.eye(40)[:, None], 4, axis=1)
    assert step_share(own, np.repeat(np.arange(40)[:, None] % 2, 4, axis=1), words=False, seed=0) < 0.1
