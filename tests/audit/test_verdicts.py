from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from auxtasks.audit.experiment import BASELINE, Arm, Run
from auxtasks.audit.metrics import higher_is_better
from auxtasks.audit.verdicts import Rule, adjusted, findings_of

PAIRS = 10


def made(scores: dict[Arm, Any], metric: str = "accuracy") -> list[Run]:
    return [
        Run(arm, seed, 0, {metric: float(value)}, dict.fromkeys(arm.tasks, 0.5), 2.0 if arm.tasks else 1.0, {})
        for arm, values in scores.items()
        for seed, value in enumerate(values)
    ]


def judged(scores: dict[Arm, Any], **rule: Any) -> Any:
    asked = Rule("accuracy", higher_is_better=True, **rule)
    return {finding.arm: finding for finding in findings_of(made(scores), asked, lambda tasks: float("nan"))}


def noisy(mean: float, seed: int, spread: float = 0.01) -> Any:
    return mean + spread * np.random.default_rng(seed).normal(size=PAIRS)


A, B = Arm(("a",)), Arm(("b",))


@pytest.mark.parametrize(
    ("task", "control", "verdict", "reason"),
    [
        (0.85, 0.80, "helps", "Better than the baseline, and than shuffled targets"),
        (0.85, 0.85, "no effect", "shuffled targets do as well: it regularises"),
        (0.85, 0.847, "unclear", "shuffled targets may do as well: it regularises"),
        (0.80, 0.70, "no effect", "The whole interval is less than the smallest effect of interest."),
        (0.805, 0.70, "unclear", "too wide for a verdict"),
        (0.70, 0.80, "hurts", "than shuffled targets: its content works against"),
        (0.70, 0.70, "hurts", "shuffled targets hurt too"),
    ],
)
def test_a_task_helps_if_it_beats_the_baseline_and_its_control(
    task: float, control: float, verdict: str, reason: str
) -> None:
    found = judged({BASELINE: noisy(0.8, 0), A: noisy(task, 1), A.control: noisy(control, 2)})
    assert list(found) == [A]  # neither the baseline nor a control is judged
    assert found[A].verdict == verdict
    assert reason in found[A].reason
    assert found[A].time_ratio == 2.0


def test_without_controls_a_gain_may_be_regularisation() -> None:
    found = judged({BASELINE: noisy(0.8, 0), A: noisy(0.85, 1)})[A]
    assert (found.verdict, found.over_control, found.control) == ("helps", None, None)
    assert "mere regularisation" in found.reason


def test_the_margin_moves_both_verdicts() -> None:
    scores = {BASELINE: noisy(0.8, 0), A: noisy(0.85, 1), B: noisy(0.75, 2)}
    assert [finding.verdict for finding in judged(scores, margin=0.02).values()] == ["helps", "hurts"]
    found = judged(scores, margin=0.06)
    assert [finding.verdict for finding in found.values()] == ["no effect", "unclear"]
    assert found[A].reason == "Differs from the baseline by less than the smallest effect of interest."
    assert "a difference larger than the margin is not shown" in found[B].reason


def test_a_mean_above_the_margin_is_not_said_to_be_below_it() -> None:
    found = judged({BASELINE: noisy(0.8, 0, 0.03), A: noisy(0.85, 1, 0.03)}, margin=0.045)[A]
    assert (found.verdict, found.comparison.mean > 0.045) == ("unclear", True)
    assert found.reason == "Differs from the baseline; a difference larger than the margin is not shown."


def test_a_task_that_hurts_more_than_its_control_is_said_to_do_both() -> None:
    found = judged({BASELINE: noisy(0.8, 0), A: noisy(0.6, 1), A.control: noisy(0.7, 2)})[A]
    assert found.reason == (
        "Worse than the baseline, and than shuffled targets: its content works against the main task; shuffled targets "
        "hurt too, so that a smaller weight may help."
    )


@pytest.mark.parametrize(("n", "verdict"), [(5, "unclear"), (6, "helps")])
def test_a_few_equal_differences_are_no_verdict(n: int, verdict: str) -> None:
    same = noisy(0.8, 0)[:n]
    found = judged({BASELINE: same, A: same + 0.05})[A]
    assert (found.verdict, found.p) == (verdict, 2 * 0.5**n)


def test_errors_count_the_other_way() -> None:
    runs = made({BASELINE: noisy(2.0, 0), A: noisy(1.5, 1)}, "rmse")
    (found,) = findings_of(runs, Rule("rmse", higher_is_better=False), lambda tasks: 0.0)
    assert found.verdict == "helps"
    assert found.comparison.mean == pytest.approx(0.5, abs=0.02)


def test_among_many_arms_a_small_difference_may_be_chance() -> None:
    alone = {BASELINE: noisy(0.8, 0), A: noisy(0.8, 0) + noisy(0.009, 1, 0.02)}
    assert judged(alone)[A].verdict == "helps"
    others = {Arm((f"t{k}",)): noisy(0.8, 10 + k, 0.03) for k in range(9)}
    found = judged({**alone, **others})[A]
    assert found.verdict == "unclear"
    assert "if it were the only arm" in found.reason
    assert judged({**alone, **others}, adjust="none")[A].verdict == "helps"


@pytest.mark.parametrize(
    ("metric", "spread", "rule", "verdict"),
    [
        ("accuracy", 0.009, {}, "no effect"),  # a point
        ("accuracy", 0.02, {}, "unclear"),
        ("accuracy", 0.02, {"margin": 0.03}, "no effect"),
        ("accuracy", 0.009, {"margin": 0.001}, "unclear"),
        ("r2", 0.009, {}, "no effect"),
        ("rmse", 0.009, {}, "no effect"),  # 2 % of the baseline's 0.8
        ("rmse", 0.04, {}, "unclear"),
    ],
)
def test_no_effect_is_said_only_within_the_smallest_effect_of_interest(
    metric: str, spread: float, rule: Any, verdict: str
) -> None:
    base = noisy(0.8, 0)
    runs = made({BASELINE: base, A: base + noisy(0.0, 1, spread)}, metric)
    asked = Rule(metric, higher_is_better(metric), **rule)
    (found,) = findings_of(runs, asked, lambda tasks: float("nan"))
    inside = found.comparison.smallest_effect
    assert found.verdict == verdict == found.comparison.verdict
    assert (-inside <= found.comparison.low <= found.comparison.high <= inside) == (verdict == "no effect")


def test_few_seeds_with_few_test_samples_show_nothing() -> None:
    found = judged({BASELINE: [12 / 15, 9 / 15, 10 / 15], A: [10 / 15, 11 / 15, 9 / 15]}, overlap=1 / 3)[A]
    assert found.verdict == "unclear"
    assert found.reason == "The interval is too wide for a verdict: the difference from the baseline may be chance."


def test_equal_scores_have_no_effect() -> None:
    same = noisy(0.8, 0)
    assert judged({BASELINE: same, A: same, A.control: same})[A].verdict == "no effect"


def test_a_p_value_is_that_of_the_paired_t_test() -> None:
    first, second = noisy(0.8, 0, 0.05), noisy(0.83, 1, 0.05)
    assert judged({BASELINE: first, A: second})[A].p == pytest.approx(stats.ttest_rel(second, first).pvalue)


def test_p_values_are_adjusted_as_by_holm_and_bonferroni() -> None:
    p = [0.01, 0.04, 0.03, 0.005]  # by hand: sorted 0.005*4, 0.01*3, 0.03*2, then no less than before
    assert adjusted(p, "holm") == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjusted(p, "bonferroni") == pytest.approx([0.04, 0.16, 0.12, 0.02])
    assert adjusted(p, "none") == p
    assert adjusted([], "holm") == []


def test_targets_that_say_nothing_help_in_one_audit_of_forty_at_most() -> None:
    """Even where any targets at all raise the score, because then those of the control do so too."""
    rng = np.random.default_rng(0)
    helps = 0
    for _ in range(600):
        arms = {arm: 0.8 + 0.02 * rng.normal(size=PAIRS) for arm in (BASELINE, A, A.control)}
        arms[A] += 0.05
        arms[A.control] += 0.05
        helps += judged(arms)[A].verdict == "helps"
    assert stats.binomtest(helps, 600, 0.025).pvalue > 0.001
