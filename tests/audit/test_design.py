"""What a design can find, against simulated audits and by hand."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from auxtasks.audit import paired_comparison
from auxtasks.audit.comparison import (
    Design,
    detectable_effect,
    deviation_of,
    pairs_needed,
    rounded,
    samples_needed,
)
from auxtasks.audit.verdicts import Rule


@pytest.mark.parametrize("n", [4, 10, 30])
def test_the_detectable_effect_is_found_in_four_of_five_audits(n: int) -> None:
    rng = np.random.default_rng(n)
    effect = detectable_effect(n, 0.03, 0.0, 0.95)
    found = [paired_comparison(np.zeros(n), rng.normal(effect, 0.03, n)).verdict == "helps" for _ in range(1000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)


def test_overlapping_splits_find_less() -> None:
    alone, overlapping = (detectable_effect(10, 0.03, overlap, 0.95) for overlap in (0.0, 0.3))
    assert overlapping / alone == pytest.approx(sqrt(0.4 / 0.1))


@pytest.mark.parametrize("effect", [0.01, 0.03])
def test_as_many_pairs_as_needed_find_the_effect_and_one_less_does_not(effect: float) -> None:
    found = paired_comparison([0.5, 0.6, 0.7, 0.5], [0.55, 0.58, 0.73, 0.5])
    n = pairs_needed(found, Design("accuracy", 4, 15, 0.0, 0.95), effect)
    assert n is not None
    detected = [detectable_effect(each, deviation_of(found, 0.0), 0.0, 0.95) for each in (n, n - 1)]
    assert detected[0] <= effect < detected[1]


def test_no_number_of_pairs_beats_the_overlap() -> None:
    found = paired_comparison([0.5, 0.6, 0.7, 0.5], [0.55, 0.58, 0.73, 0.5], overlap=1 / 3)
    design = Design("accuracy", 4, 15, 1 / 3, 0.95)
    assert pairs_needed(found, design, 0.01) is None
    detected = detectable_effect(4, deviation_of(found, 1 / 3), 1 / 3, 0.95)
    assert samples_needed(found, design, 0.01) == pytest.approx(15 * (detected / 0.01) ** 2)


def test_a_design_says_what_it_finds_before_it_is_tried() -> None:
    """Ten pairs of 500 samples, of which a fifth is decided otherwise: a deviation of two points."""
    design = Design("accuracy", 10, 500, 0.0, 0.95)
    assert design.detectable == pytest.approx((2.262157 + 0.883404) * 0.02 / sqrt(10), rel=1e-5)
    assert "about 2 points in accuracy" in str(design)
    errors = Design("rmse", 10, 500, 0.0, 0.95)
    assert "about 2 % of the baseline's rmse" in str(errors)
    assert errors.in_unit(3.0) == pytest.approx(3.0 * design.detectable)
    assert "about 0.02 in r2" in str(Design("r2", 10, 500, 0.0, 0.95))


def test_the_smallest_effect_is_the_margin_or_that_of_the_unit() -> None:
    def smallest(metric: str, margin: float, baseline: float) -> float:
        return Rule.of(metric, margin, 0.95, "none", 0.0).smallest(baseline)

    assert smallest("accuracy", 0.0, 0.8) == smallest("r2", 0.0, 0.8) == 0.01
    assert smallest("recall[1]", 0.02, 0.8) == 0.02
    assert smallest("rmse", 0.0, 5.0) == pytest.approx(0.1)
    assert smallest("rmse", 0.5, 5.0) == 0.5


@pytest.mark.parametrize(("number", "text"), [(7.2, 8), (41, 41), (123, 130), (98765, 99000)])
def test_estimates_have_two_digits(number: float, text: int) -> None:
    assert rounded(number) == text
