"""The verdict of the demo against SciPy's paired t-test, and its symmetry."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from auxtasks.audit import compare
from auxtasks.errors import InvalidInputError

ACCURACY = st.floats(0, 1, width=32)
PAIRS = st.lists(st.tuples(ACCURACY, ACCURACY), min_size=2, max_size=12)
OPPOSITE = {"helps": "hurts", "hurts": "helps", "no effect": "no effect"}


@pytest.mark.parametrize("n", [2, 6, 30])
def test_interval_is_that_of_scipy(n: int) -> None:
    a, b = np.random.default_rng(n).random((2, n))
    found = compare(a, b)
    expected = ttest_rel(b, a).confidence_interval(0.95)
    np.testing.assert_allclose([found.low, found.high], expected)


@given(PAIRS)
def test_swapping_the_arms_turns_everything_round(pairs: list[tuple[float, float]]) -> None:
    a, b = map(list, zip(*pairs, strict=True))
    found, swapped = compare(a, b), compare(b, a)
    assert found.low <= found.mean <= found.high
    assert (swapped.low, swapped.mean, swapped.high) == (-found.high, -found.mean, -found.low)
    assert swapped.verdict == OPPOSITE[found.verdict]


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [([0.5, 0.5], "helps"), ([-0.5, -0.5], "hurts"), ([0, 0], "no effect"), ([0.5, -0.25], "no effect")],
)
def test_verdict(differences: list[float], verdict: str) -> None:
    assert compare([0.5] * 2, [0.5 + d for d in differences]).verdict == verdict


@pytest.mark.parametrize(("a", "b"), [([0.5], [0.6]), ([0.5, 0.6], [0.7]), ([[0.5, 0.6]], [[0.5, 0.6]])])
def test_anything_but_pairs_is_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(InvalidInputError, match=r"`baseline` and `auxiliary` .* found shapes"):
        compare(a, b)
