"""The verdict of the demo against SciPy's paired t-test, and its symmetry."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_rel

from auxtasks.audit import paired_comparison
from auxtasks.audit.comparison import compared
from auxtasks.errors import InvalidInputError

ACCURACY = st.floats(0, 1, width=32)
PAIRS = st.lists(st.tuples(ACCURACY, ACCURACY), min_size=2, max_size=12)
OPPOSITE = {"helps": "hurts", "hurts": "helps", "no effect": "no effect", "unclear": "unclear"}


@pytest.mark.parametrize("n", [2, 6, 30])
def test_interval_is_that_of_scipy(n: int) -> None:
    a, b = np.random.default_rng(n).random((2, n))
    found = paired_comparison(a, b)
    expected = ttest_rel(b, a).confidence_interval(0.95)
    np.testing.assert_allclose([found.low, found.high], expected)


@given(PAIRS)
def test_swapping_the_arms_turns_everything_round(pairs: list[tuple[float, float]]) -> None:
    a, b = map(list, zip(*pairs, strict=True))
    found, swapped = paired_comparison(a, b), paired_comparison(b, a)
    assert found.low <= found.mean <= found.high
    assert (swapped.low, swapped.mean, swapped.high) == (-found.high, -found.mean, -found.low)
    assert swapped.verdict == OPPOSITE[found.verdict]


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.4, 0.41], "helps"),
        ([-0.4, -0.41], "hurts"),
        ([0, 0], "unclear"),
        ([0] * 6, "no effect"),
        ([0.5, -0.25], "unclear"),
        ([0.5] * 5, "unclear"),
        ([0.5] * 6, "helps"),
        ([-0.5] * 6, "hurts"),
    ],
)
def test_verdict(differences: list[float], verdict: str) -> None:
    assert paired_comparison([0.5] * len(differences), [0.5 + d for d in differences]).verdict == verdict


@pytest.mark.parametrize(("smallest", "verdict"), [(0.0, "unclear"), (0.01, "unclear"), (0.03, "no effect")])
def test_no_effect_means_that_the_interval_is_smaller_than_what_matters(smallest: float, verdict: str) -> None:
    base = np.linspace(0.5, 0.7, 8)
    found = paired_comparison(base, base + np.tile([0.02, -0.02], 4), smallest_effect=smallest)
    assert found.verdict == verdict
    assert (found.p_within(smallest) <= 0.025) == (verdict == "no effect")


def test_two_one_sided_tests_are_those_of_scipy() -> None:
    a, b = np.random.default_rng(0).random((2, 9))
    found = paired_comparison(a, b)
    tests = [ttest_rel(b + 0.2, a, alternative="greater").pvalue, ttest_rel(b - 0.2, a, alternative="less").pvalue]
    assert found.p_within(0.2) == pytest.approx(max(tests))


@pytest.mark.parametrize("n", [2, 5, 6])
@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_equal_differences_are_judged_by_their_signs(n: int, scale: float) -> None:
    """Also where they are not quite equal in floating point."""
    a = scale * np.array([0.8, 0.7, 0.6, 0.9, 0.3, 0.1])[:n]
    found = paired_comparison(a, a + 0.05 * scale)
    assert (found.error, found.low, found.high) == (0.0, found.mean, found.mean)
    assert found.p_above() == found.p_above(0.049 * scale) == binomtest(n, n, 0.5, "greater").pvalue == 0.5**n
    assert found.p_above(0.05 * scale) == found.p_below() == found.p_below(0.05 * scale) == 1.0
    assert found.p_below(0.051 * scale) == 0.5**n


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"confidence": 5}, "`confidence` must be from 0.5 to 0.9999; got 5"),
        ({"overlap": float("nan")}, "`overlap` must be at least 0.0; got nan"),
        ({"auxiliary": [0.5, float("nan")]}, "must hold finite scores"),
    ],
)
def test_numbers_without_meaning_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        paired_comparison(**{"baseline": [0.5, 0.6], "auxiliary": [0.6, 0.8], **arguments})
    with pytest.raises(InvalidInputError, match="`margin` must be finite; got nan"):
        paired_comparison([0.5, 0.6], [0.6, 0.8]).p_above(float("nan"))


def test_rounding_is_no_difference() -> None:
    a = np.full(8, 0.3)
    assert paired_comparison(a, np.full(8, 0.1 + 0.2)).verdict == "no effect"


@pytest.mark.parametrize(("a", "b"), [([0.5], [0.6]), ([0.5, 0.6], [0.7]), ([[0.5, 0.6]], [[0.5, 0.6]])])
def test_anything_but_pairs_is_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(InvalidInputError, match=r"`baseline` and `auxiliary` .* found shapes"):
        paired_comparison(a, b)


def test_a_training_that_diverged_shows_nothing_and_stops_nothing() -> None:
    found = compared([0.5, float("nan")], [0.6, 0.7])
    assert found.verdict == "unclear"
    assert np.isnan([found.mean, found.low, found.high]).all()
