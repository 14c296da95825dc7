"""The linear probe: 0 for a guess, 1 without error, and the same in any units."""

from math import isnan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from auxtasks.audit.screen import linear_probe
from auxtasks.audit.screen.probe import deal, shares_explained
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
    folds = deal(200, 4, seed=0)
    residual = total = 0.0
    for fold in range(4):
        train, test = folds != fold, folds == fold
        design = np.c_[np.ones(200), x]
        fitted = design[test] @ np.linalg.lstsq(design[train], y[train], rcond=None)[0]
        residual += ((y[test] - fitted) ** 2).sum()
        total += ((y[test] - y[train].mean(axis=0)) ** 2).sum()
    assert shares_explained(x, [y], folds) == pytest.approx([1 - residual / total], abs=0.002)


@given(st.integers(2, 60), st.integers(2, 6), st.data())
def test_folds_are_even_in_size_and_in_classes(n: int, folds: int, data: st.DataObject) -> None:
    strata = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    dealt = deal(n, folds, seed=0, strata=strata)
    for group in (dealt, *(dealt[strata == label] for label in np.unique(strata))):
        assert np.ptp(np.bincount(group, minlength=folds)) <= 1
