"""From runs to verdicts: each arm against the baseline and against its control."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np

from auxtasks.audit.comparison import Comparison, Verdict, checked_confidence, compared, is_absolute
from auxtasks.audit.experiment import BASELINE, Arm, Experiment, Run
from auxtasks.audit.metrics import higher_is_better
from auxtasks.audit.screen.features import features_of
from auxtasks.audit.screen.probe import linear_probe
from auxtasks.validation import check_choice, check_number

Adjust = Literal["holm", "bonferroni", "none"]
OF_A_SHARE, OF_AN_ERROR = 0.01, 0.02
ADJUSTMENTS: tuple[Adjust, ...] = ("holm", "bonferroni", "none")


@dataclass(frozen=True)
class Rule:
    """When a difference counts.

    The margin is the difference that matters, in the unit of the metric; set before looking. One minus the confidence
    is the share of false verdicts, of either kind, among audits of tasks that do nothing.
    """

    metric: str
    higher_is_better: bool
    margin: float = 0.0
    confidence: float = 0.95
    adjust: Adjust = "holm"
    overlap: float = 0.0

    @classmethod
    def of(cls, metric: str, margin: float, confidence: float, adjust: Any, overlap: float) -> Rule:
        margin = check_number("margin", margin, low=0.0)
        confidence = checked_confidence(confidence)
        check_choice("adjust", adjust, ADJUSTMENTS)
        return cls(metric, higher_is_better(metric), margin, confidence, adjust, overlap)

    @property
    def sign(self) -> float:
        """What scores are multiplied by so that more is better."""
        return 1.0 if self.higher_is_better else -1.0

    @property
    def level(self) -> float:
        """Of each one-sided test."""
        return (1 - self.confidence) / 2

    def smallest(self, baseline: float) -> float:
        """Return the smallest effect of interest: a smaller one counts as none.

        The margin, or where that is 0 one point of a metric that is a share, 0.01 of R², and of errors and losses 2 %
        of the mean score of the baseline.
        """
        if self.margin > 0:
            return self.margin
        return OF_A_SHARE if is_absolute(self.metric) else OF_AN_ERROR * abs(baseline)


def findings_of(runs: Sequence[Run], rule: Rule, relevance: Callable[[tuple[str, ...]], float]) -> tuple[Finding, ...]:
    """Judge every arm but the baseline and the controls.

    An arm helps if the one-sided t-tests both of "better than the baseline by more than the margin" and of "better than
    shuffled targets" reject at (1 - confidence) / 2: the larger p-value counts, the intersection-union test (Berger
    1982, Technometrics 24:295-300). It hurts if "worse than the baseline by more than the margin" does. The p-values of
    each direction are adjusted over the arms by Holm's step-down procedure (1979, Scandinavian Journal of Statistics
    6:65-70). Where all differences are equal the sign test takes the place of the t-test; see `Comparison.p_above`.

    It has no effect if its interval lies within the smallest effect of interest: the margin, or where that is 0 what
    `Rule.smallest` says. So it has too if it beats the baseline and the interval of the difference from its
    control lies within: its content adds nothing. All else is unclear. These two are not adjusted: nobody looks for the
    arm with the least effect.
    """
    by_arm: RunsByArm = {}
    for run in runs:
        by_arm.setdefault(run.arm, {})[run.pair] = run
    arms = [arm for arm in by_arm if arm.tasks and not arm.shuffled]
    smallest = rule.smallest(mean_score(runs, rule.metric))
    found = [_contrasts(by_arm, arm, rule, smallest) for arm in arms]
    helps = adjusted([each.p_of_help(rule.margin) for each in found], rule.adjust)
    hurts = adjusted([each.arm.p_below(-rule.margin) for each in found], rule.adjust)
    return tuple(
        _finding(arm, by_arm, each, p_of_help, p_of_harm, rule, relevance(arm.tasks))
        for arm, each, p_of_help, p_of_harm in zip(arms, found, helps, hurts, strict=True)
    )


RunsByArm = dict[Arm, dict[tuple[int, int], Run]]
"""By arm, and by seed and fold."""


class Contrasts(NamedTuple):
    """An arm and its control with the baseline, and the arm with its control."""

    arm: Comparison
    over_control: Comparison | None
    control: Comparison | None

    def p_of_help(self, margin: float) -> float:
        """Return the larger p-value of those by which an arm helps."""
        return max(self.arm.p_above(margin), 0.0 if self.over_control is None else self.over_control.p_above())


def _contrasts(by_arm: RunsByArm, arm: Arm, rule: Rule, smallest: float) -> Contrasts:
    def between(first: Arm, second: Arm) -> Comparison:
        pairs = [pair for pair in by_arm[first] if pair in by_arm[second]]
        scores = [[rule.sign * by_arm[each][pair].scores[rule.metric] for pair in pairs] for each in (first, second)]
        return compared(*scores, confidence=rule.confidence, overlap=rule.overlap, smallest_effect=smallest)

    against = between(BASELINE, arm)
    if arm.control not in by_arm:
        return Contrasts(against, None, None)
    return Contrasts(against, between(arm.control, arm), between(BASELINE, arm.control))


def _finding(
    arm: Arm, by_arm: RunsByArm, found: Contrasts, p_of_help: float, p_of_harm: float, rule: Rule, relevance: float
) -> Finding:
    nothing = _is_nothing(found, rule.margin, rule.level)
    no_gain: Verdict = "hurts" if p_of_harm <= rule.level else "no effect" if nothing else "unclear"
    verdict: Verdict = "helps" if p_of_help <= rule.level else no_gain
    runs = by_arm[arm].values()
    with_heads = [task for task in arm.tasks if all(task in run.learned for run in runs)]
    learned = {task: float(np.median([run.learned[task] for run in runs])) for task in with_heads}
    others = COPIES if arm.agrees else SHUFFLED
    because = reason(verdict, found, rule.margin, rule.level, others)
    if arm.agrees and found.control is not None:
        because += f" {others[0].upper()}{others[1:]}: {found.control.mean:+.3g} over the baseline."
    if unlearned := ", ".join(task for task, loss in learned.items() if loss >= 1.0):
        because += f" On the test part the head of {unlearned} does no better than a guess."
    p = min(2 * (p_of_harm if found.arm.mean < 0 else p_of_help), 1.0)
    # Unlike max(), NumPy's passes NaN on.
    worst = float(np.max([*learned.values()])) if learned else float("nan")
    cost = float(np.median([run.seconds / by_arm[BASELINE][run.pair].seconds for run in runs]))
    return Finding(arm, verdict, because, *found, p, relevance, worst, cost)


SHUFFLED, COPIES = "shuffled targets", "changed copies of labelled samples alone"
"""What controls learn, in words."""


def mean_score(runs: Sequence[Run], metric: str) -> float:
    """Return the mean score of the baseline; NaN where there is none."""
    scores = [run.scores.get(metric, np.nan) for run in runs if not run.arm.tasks]
    return float(np.mean(scores)) if scores else float("nan")


def _is_nothing(found: Contrasts, margin: float, level: float) -> bool:
    """Tell whether an effect is shown to be smaller than what matters, be it that of the content alone."""
    against, over_control = found.arm, found.over_control
    if against.p_within(against.smallest_effect) <= level:
        return True
    regularises = over_control is not None and over_control.p_within(over_control.smallest_effect) <= level
    return regularises and against.p_above(margin) <= level


def adjusted(p_values: Sequence[float], how: Adjust) -> list[float]:
    p, n = np.array(p_values, dtype=float), len(p_values)
    if how == "bonferroni":
        p = np.minimum(p * n, 1.0)
    elif how == "holm":
        order = np.argsort(p, kind="stable")
        p[order] = np.minimum(np.maximum.accumulate(p[order] * (n - np.arange(n))), 1.0)
    return [float(each) for each in p]


@dataclass(frozen=True)
class Finding:
    """The verdict about one arm, and what it rests on.

    Parameters
    ----------
    arm : Arm
        What was trained.
    verdict : {"helps", "no effect", "unclear", "hurts"}
        Against the margin, adjusted for the number of arms; see `findings_of`.
    reason : str
        The reason, in a sentence.
    comparison : Comparison
        Of the judged metric with the baseline, pair by pair; differences are signed so that up is better.
    over_control : Comparison or None
        Of the same metric with the arm of shuffled targets; None without controls.
    control : Comparison or None
        Of the arm of shuffled targets with the baseline.
    p : float
        The adjusted p-value of the verdict's direction.
    relevance : float
        How well a linear model tells the main label from the targets: 0 as a guess, 1 without error. NaN where it could
        not be found out.
    aux_loss : float
        The median of the tasks' losses over chance on the test part, the worst of the tasks; 1 is a guess.
    time_ratio : float
        The time of training over that of the baseline, the median of the pairs.
    """

    arm: Arm
    verdict: Verdict
    reason: str
    comparison: Comparison
    over_control: Comparison | None
    control: Comparison | None
    p: float
    relevance: float
    aux_loss: float
    time_ratio: float


def reason(verdict: Verdict, found: Contrasts, margin: float, level: float, others: str) -> str:
    """Say in a sentence what a verdict rests on; `others` is what the control learns."""
    against, over_control, control = found
    beyond = " by more than the margin" if margin else ""
    if verdict == "helps":
        if over_control is None:
            return f"Better than the baseline{beyond}; without controls this may be mere regularisation."
        return f"Better than the baseline{beyond}, and than {others}."
    if verdict == "hurts":
        than = ""
        if over_control is not None and over_control.p_below() <= level:
            than = f", and than {others}: its content works against the main task"
        if control is not None and control.p_below(-margin) <= level:
            than += f"; {others} hurt too, so that a smaller weight may help"
        return f"Worse than the baseline{beyond}{than}."
    if verdict == "no effect":
        if against.p_within(against.smallest_effect) <= level:
            differs = min(against.p_above(), against.p_below()) <= level
            start = "Differs from the baseline by" if differs else "The whole interval is"
            return f"{start} less than the smallest effect of interest."
        return f"Better than the baseline{beyond}, and {others} do as well: it regularises."
    return _undecided(against, over_control, margin, level, others)


def _undecided(against: Comparison, over_control: Comparison | None, margin: float, level: float, others: str) -> str:
    beyond = " by more than the margin" if margin else ""
    if against.p_above(margin) <= level:
        if over_control is not None and over_control.p_above() > level:
            return (
                f"Better than the baseline{beyond}, but {others} may do as well: it regularises, and its content is "
                "not shown to add anything."
            )
        return f"Better than the baseline{beyond} if it were the only arm; among several this may be chance."
    if against.p_below(-margin) <= level:
        return f"Worse than the baseline{beyond} if it were the only arm; among several this may be chance."
    if margin and (against.p_above() <= level or against.p_below() <= level):
        return "Differs from the baseline; a difference larger than the margin is not shown."
    return "The interval is too wide for a verdict: the difference from the baseline may be chance."


def relevance_of(experiment: Experiment) -> Callable[[tuple[str, ...]], float]:
    """Return a function of tasks: the skill of a linear probe of the main label, 0 as a guess, 1 without error."""
    samples, rows = experiment.samples, np.flatnonzero(experiment.labelled)

    @cache
    def relevance(tasks: tuple[str, ...]) -> float:
        parts: list[Any] = [
            features_of(samples.targets[task][rows], experiment.specs[task])
            for task in tasks
            if task in experiment.specs and not experiment.specs[task].is_taught  # samples with a label have none
        ]
        if not parts:
            return float("nan")
        problem = experiment.settings.metrics.problem
        return linear_probe(np.concatenate(parts, axis=1), samples.main[rows], problem=problem)

    return relevance
