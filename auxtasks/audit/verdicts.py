"""From runs to verdicts: each arm against the baseline and against its control."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from auxtasks.audit.arms import BASELINE, Arm
from auxtasks.audit.finding import Finding
from auxtasks.audit.paired import Comparison, Verdict, compare
from auxtasks.audit.reasons import reason
from auxtasks.audit.run import Run
from auxtasks.validation import check_choice, check_number

Adjust = Literal["holm", "bonferroni", "none"]
ADJUSTMENTS: tuple[Adjust, ...] = ("holm", "bonferroni", "none")


@dataclass(frozen=True)
class Rule:
    """When a difference counts.

    Parameters
    ----------
    metric : str
        The judged metric.
    higher_is_better : bool
        Which way it goes.
    margin : float
        The difference that matters, in the unit of the metric; set before looking.
    confidence : float
        One minus the share of false verdicts, of either kind, among audits of tasks that do nothing.
    adjust : {"holm", "bonferroni", "none"}
        How to allow for several arms.
    overlap : float
        See `auxtasks.audit.compare`.
    """

    metric: str
    higher_is_better: bool
    margin: float = 0.0
    confidence: float = 0.95
    adjust: Adjust = "holm"
    overlap: float = 0.0

    @classmethod
    def of(cls, metric: str, margin: float, confidence: float, adjust: Any, overlap: float) -> Rule:
        """Check the arguments of an audit."""
        from auxtasks.audit.metrics import higher_is_better

        margin = check_number("margin", margin, low=0.0)
        confidence = check_number("confidence", confidence, low=0.5, high=0.9999)
        check_choice("adjust", adjust, ADJUSTMENTS)
        return cls(metric, higher_is_better(metric), margin, confidence, adjust, overlap)


def findings_of(runs: Sequence[Run], rule: Rule, relevance: Callable[[Arm], float]) -> tuple[Finding, ...]:
    """Judge every arm but the baseline and the controls.

    Parameters
    ----------
    runs : sequence of Run
        All runs of the audit.
    rule : Rule
        When a difference counts.
    relevance : function of an Arm
        How well its targets tell the main label.

    Returns
    -------
    tuple of Finding
        In the order of the runs.

    Notes
    -----
    An arm helps if the one-sided t-tests both of "better than the baseline by more than the margin" and of "better than
    shuffled targets" reject at (1 - confidence) / 2: the larger p-value counts, the intersection-union test (Berger
    1982, Technometrics 24:295-300). It hurts if "worse than the baseline by more than the margin" does. The p-values of
    each direction are adjusted over the arms by Holm's step-down procedure (1979, Scandinavian Journal of Statistics
    6:65-70). Where all differences are equal the sign test takes the place of the t-test; see `Comparison.p_above`.
    """
    by_arm: dict[Arm, dict[tuple[int, int], Run]] = {}
    for run in runs:
        by_arm.setdefault(run.arm, {})[run.pair] = run
    arms = [arm for arm in by_arm if arm.tasks and not arm.shuffled]
    against = {arm: _compare(by_arm, BASELINE, arm, rule) for arm in arms}
    controls = {arm: _compare(by_arm, BASELINE, arm.control, rule) if arm.control in by_arm else None for arm in arms}
    over = {arm: _compare(by_arm, arm.control, arm, rule) if arm.control in by_arm else None for arm in arms}
    up = [max(against[arm].p_above(rule.margin), _p_above(over[arm])) for arm in arms]
    down = [against[arm].p_below(-rule.margin) for arm in arms]
    helps = dict(zip(arms, adjusted(up, rule.adjust), strict=True))
    hurts = dict(zip(arms, adjusted(down, rule.adjust), strict=True))
    level = (1 - rule.confidence) / 2
    found = []
    for arm in arms:
        verdict: Verdict = "helps" if helps[arm] <= level else "hurts" if hurts[arm] <= level else "no effect"
        p = min(2 * (hurts[arm] if against[arm].mean < 0 else helps[arm]), 1.0)
        learned = {task: _median(run.learned[task] for run in by_arm[arm].values()) for task in arm.tasks}
        because = reason(verdict, against[arm], over[arm], controls[arm], learned, rule.margin, level)
        cost = _median(run.seconds / by_arm[BASELINE][pair].seconds for pair, run in by_arm[arm].items())
        worst = float(np.max(list(learned.values())))
        found.append(
            Finding(arm, verdict, because, against[arm], over[arm], controls[arm], p, relevance(arm), worst, cost)
        )
    return tuple(found)


def adjusted(p_values: Sequence[float], how: Adjust) -> list[float]:
    """Adjust p-values for their number.

    Parameters
    ----------
    p_values : sequence of float
        One for each arm.
    how : {"holm", "bonferroni", "none"}
        The procedure.

    Returns
    -------
    list of float
        In the same order.

    Examples
    --------
    >>> [round(p, 3) for p in adjusted([0.01, 0.04, 0.03], "holm")]
    [0.03, 0.06, 0.06]
    """
    p, n = np.asarray(p_values, dtype=float), len(p_values)
    if how == "none" or not n:
        return [float(each) for each in p]
    if how == "bonferroni":
        return [float(each) for each in np.minimum(p * n, 1.0)]
    order = np.argsort(p, kind="stable")
    steps = np.minimum(np.maximum.accumulate(p[order] * (n - np.arange(n))), 1.0)
    result = np.empty(n)
    result[order] = steps
    return [float(each) for each in result]


def _compare(by_arm: Mapping[Arm, Mapping[tuple[int, int], Run]], first: Arm, second: Arm, rule: Rule) -> Comparison:
    sign = 1.0 if rule.higher_is_better else -1.0
    pairs = [pair for pair in by_arm[first] if pair in by_arm[second]]
    scores = [[sign * by_arm[arm][pair].scores[rule.metric] for pair in pairs] for arm in (first, second)]
    return compare(*scores, confidence=rule.confidence, overlap=rule.overlap)


def _p_above(comparison: Comparison | None) -> float:
    return 0.0 if comparison is None else comparison.p_above()


def _median(values: object) -> float:
    return float(np.median(list(values)))  # type: ignore[call-overload]
