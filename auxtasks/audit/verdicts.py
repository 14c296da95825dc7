"""From runs to verdicts: each arm against the baseline and against its control."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from auxtasks.audit.experiment import BASELINE, Arm, Experiment, Run
from auxtasks.audit.metrics import higher_is_better
from auxtasks.audit.screen.features import features_of
from auxtasks.audit.screen.probe import linear_probe
from auxtasks.errors import InvalidInputError
from auxtasks.targets.reading import to_array
from auxtasks.typing import Floats
from auxtasks.validation import LARGEST_NUMBER, check_choice, check_number

Adjust = Literal["holm", "bonferroni", "none"]
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
        """Check the arguments of an audit."""
        margin = check_number("margin", margin, low=0.0)
        confidence = checked_confidence(confidence)
        check_choice("adjust", adjust, ADJUSTMENTS)
        return cls(metric, higher_is_better(metric), margin, confidence, adjust, overlap)


def checked_confidence(confidence: object) -> float:
    """Return the share of intervals that are to hold the true difference."""
    return check_number("confidence", confidence, low=0.5, high=0.9999)


def findings_of(runs: Sequence[Run], rule: Rule, relevance: Callable[[tuple[str, ...]], float]) -> tuple[Finding, ...]:
    """Judge every arm but the baseline and the controls.

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
    against = [_compare(by_arm, BASELINE, arm, rule) for arm in arms]
    controls = [_compare(by_arm, BASELINE, arm.control, rule) if arm.control in by_arm else None for arm in arms]
    over = [_compare(by_arm, arm.control, arm, rule) if arm.control in by_arm else None for arm in arms]
    both = zip(against, over, strict=True)
    up = [max(one.p_above(rule.margin), 0.0 if two is None else two.p_above()) for one, two in both]
    helps = adjusted(up, rule.adjust)
    hurts = adjusted([one.p_below(-rule.margin) for one in against], rule.adjust)
    level = (1 - rule.confidence) / 2
    found = []
    for at, arm in enumerate(arms):
        verdict: Verdict = "helps" if helps[at] <= level else "hurts" if hurts[at] <= level else "no effect"
        p = min(2 * (hurts[at] if against[at].mean < 0 else helps[at]), 1.0)
        runs_of = by_arm[arm].values()
        with_heads = [task for task in arm.tasks if all(task in run.learned for run in runs_of)]
        learned = {task: float(np.median([run.learned[task] for run in runs_of])) for task in with_heads}
        because = reason(verdict, against[at], over[at], controls[at], rule.margin, level)
        if arm.agrees:
            because = _of_agreement(because, controls[at])
        unlearned = ", ".join(task for task, loss in learned.items() if loss >= 1.0)
        if unlearned:
            because += f" On the test part the head of {unlearned} does no better than a guess."
        cost = float(np.median([run.seconds / by_arm[BASELINE][run.pair].seconds for run in runs_of]))
        # Unlike max(), NumPy's passes NaN on.
        worst = float(np.max([*learned.values()])) if learned else float("nan")
        compared = (against[at], over[at], controls[at])
        found.append(Finding(arm, verdict, because, *compared, p, relevance(arm.tasks), worst, cost))
    return tuple(found)


def _of_agreement(because: str, control: Comparison | None) -> str:
    """Name the control of agreement, and say what it gains by itself."""
    copies = "changed copies of labelled samples alone"
    gain = "" if control is None else f" {copies[0].upper()}{copies[1:]}: {control.mean:+.3g} over the baseline."
    return because.replace("shuffled targets", copies) + gain


def adjusted(p_values: Sequence[float], how: Adjust) -> list[float]:
    """Adjust p-values for their number."""
    p, n = np.array(p_values, dtype=float), len(p_values)
    if how == "bonferroni":
        p = np.minimum(p * n, 1.0)
    elif how == "holm":
        order = np.argsort(p, kind="stable")
        p[order] = np.minimum(np.maximum.accumulate(p[order] * (n - np.arange(n))), 1.0)
    return [float(each) for each in p]


def _compare(by_arm: Mapping[Arm, Mapping[tuple[int, int], Run]], first: Arm, second: Arm, rule: Rule) -> Comparison:
    sign = 1.0 if rule.higher_is_better else -1.0
    pairs = [pair for pair in by_arm[first] if pair in by_arm[second]]
    scores = [[sign * by_arm[arm][pair].scores[rule.metric] for pair in pairs] for arm in (first, second)]
    return compared(*scores, confidence=rule.confidence, overlap=rule.overlap)


Verdict = Literal["helps", "no effect", "hurts"]
CONFIDENCE = 0.95
_ROUNDING = 1e-12
"""Up to which share of the greatest score, or of 1, a difference is taken for rounding."""


@dataclass(frozen=True)
class Comparison:
    """Scores of two arms over the same seeds, of which more is better, and what their differences say.

    Parameters
    ----------
    baseline, auxiliary : ndarray of float, shape (seeds,)
        Scores; entries of the same place belong to the same split and initial weights.
    mean, low, high : float
        The mean of ``auxiliary - baseline`` and its interval.
    error : float
        The standard error of the mean; 0 where all differences are equal.
    """

    baseline: Floats
    auxiliary: Floats
    mean: float
    low: float
    high: float
    error: float

    @property
    def rounding(self) -> float:
        """What a difference must exceed not to be rounding."""
        return _ROUNDING * max(1.0, float(np.abs([self.baseline, self.auxiliary]).max()))

    @property
    def worse(self) -> int:
        """How many pairs lost."""
        return int((self.differences < 0).sum())

    def p_above(self, margin: float = 0.0) -> float:
        """Return the p-value of the one-sided t-test that the mean difference is above a margin.

        Parameters
        ----------
        margin : float, default 0.0
            The margin.

        Returns
        -------
        float
            Where all differences are equal that of the one-sided sign test: 0.5 to the power of their number if they
            are above the margin, else 1.

        Notes
        -----
        Equal differences have no variance, so that the t-test would call the smallest of them certain, even of two
        pairs. They are common where few samples are tested, since scores are multiples of 1 over their number. The sign
        test (Conover 1999, Practical Nonparametric Statistics, section 3.4) needs no variance; with it fewer than 6
        equal differences decide nothing at 2.5 %.

        Examples
        --------
        >>> compare([0.7, 0.6], [0.75, 0.65]).p_above(), compare([0.7, 0.6], [0.7, 0.6]).p_above()
        (0.25, 1.0)
        """
        from scipy.stats import t

        margin = check_number("margin", margin, low=float("-inf"))
        if self.error == 0:
            return 0.5 ** len(self.baseline) if self.mean > margin + self.rounding else 1.0
        return float(t.sf((self.mean - margin) / self.error, len(self.baseline) - 1))

    def p_below(self, margin: float = 0.0) -> float:
        """Return the p-value of the one-sided t-test that the mean difference is below a margin."""
        return Comparison(-self.baseline, -self.auxiliary, -self.mean, -self.high, -self.low, self.error).p_above(
            -margin
        )

    @property
    def differences(self) -> Floats:
        """The difference of each pair."""
        return self.auxiliary - self.baseline

    @property
    def verdict(self) -> Verdict:
        """``"helps"`` if the whole interval is above 0, ``"hurts"`` if it is below, else ``"no effect"``.

        An interval without width counts if the sign test says so too, at the level of an interval of 95 %.
        """
        if self.error == 0 and min(self.p_above(), self.p_below()) > (1 - CONFIDENCE) / 2:
            return "no effect"
        if self.low > 0:
            return "helps"
        return "hurts" if self.high < 0 else "no effect"


def paired_comparison(
    baseline: Sequence[float], auxiliary: Sequence[float], *, confidence: float = CONFIDENCE, overlap: float = 0.0
) -> Comparison:
    """Compare two arms pair by pair.

    Parameters
    ----------
    baseline, auxiliary : sequence of float
        One score a seed, in the same order; two at least.
    confidence : float, default 0.95
        Of the interval.
    overlap : float, default 0.0
        The test over the training samples where pairs are folds or other splits of the same samples. Their training
        parts overlap, so that they vary less than independent ones; the variance of the mean grows by this much.

    Returns
    -------
    Comparison
        With the interval of the mean difference. Where all differences are equal it has no width.

    Raises
    ------
    InvalidInputError, InvalidTypeError
        If the arms differ in length, there are fewer than two pairs, or a number is out of range: `confidence` from 0.5
        to 0.9999, `overlap` at least 0.

    Notes
    -----
    ``mean(d) ± t(0.975, n - 1) * std(d) * sqrt(1 / n + overlap)`` with the sample standard deviation (``ddof=1``), the
    interval of Student's paired t-test (Student 1908, Biometrika 6(1):1-25), and with an overlap that of Nadeau and
    Bengio (2003, Machine Learning 52:239-281). It covers the seeds, that is, splits and initial weights, and not other
    data sets.

    Examples
    --------
    >>> found = compare([0.80, 0.82, 0.81], [0.84, 0.85, 0.86])
    >>> f"{found.mean:.3f} from {found.low:.3f} to {found.high:.3f}: {found.verdict}"
    '0.040 from 0.015 to 0.065: helps'
    """
    confidence, overlap = checked_confidence(confidence), check_number("overlap", overlap, low=0.0)
    first, second = to_array(baseline, "baseline"), to_array(auxiliary, "auxiliary")
    if first.shape != second.shape or first.ndim != 1 or len(first) < 2:
        raise InvalidInputError(
            f"`baseline` and `auxiliary` must hold one accuracy for each of the same two or more seeds; found shapes "
            f"{first.shape} and {second.shape}."
        )
    # NaN is not at most anything.
    if not all((np.abs(scores) <= LARGEST_NUMBER).all() for scores in (first, second)):
        raise InvalidInputError(
            f"`baseline` and `auxiliary` must hold finite scores of at most {LARGEST_NUMBER:.1e}; leave out pairs "
            "without one."
        )
    return compared(first, second, confidence=confidence, overlap=overlap)


def compared(
    baseline: Sequence[float] | Floats,
    auxiliary: Sequence[float] | Floats,
    *,
    confidence: float = CONFIDENCE,
    overlap: float = 0.0,
) -> Comparison:
    """Compare scores of runs, which are NaN where a training diverged: then nothing is shown, and nothing raised."""
    from scipy.stats import t

    first, second = np.asarray(baseline, np.float64), np.asarray(auxiliary, np.float64)
    differences = second - first
    mean = float(differences.mean())
    error = float(differences.std(ddof=1) * np.sqrt(1 / len(first) + overlap))
    if error <= Comparison(first, second, mean, mean, mean, 0.0).rounding:
        error = 0.0
    margin = float(t.ppf((1 + confidence) / 2, len(first) - 1)) * error
    return Comparison(first, second, mean, mean - margin, mean + margin, error)


@dataclass(frozen=True)
class Finding:
    """The verdict about one arm, and what it rests on.

    Parameters
    ----------
    arm : Arm
        What was trained.
    verdict : {"helps", "no effect", "hurts"}
        Against the margin, adjusted for the number of arms.
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


def reason(
    verdict: Verdict,
    against: Comparison,
    over_control: Comparison | None,
    control: Comparison | None,
    margin: float,
    level: float,
) -> str:
    """Say in a sentence what a verdict rests on."""
    beyond = " by more than the margin" if margin else ""
    if verdict == "helps":
        if over_control is None:
            return f"Better than the baseline{beyond}; without controls this may be mere regularisation."
        return f"Better than the baseline{beyond}, and than shuffled targets."
    if verdict == "hurts":
        shuffled = ""
        if over_control is not None and over_control.p_below() <= level:
            shuffled = ", and than shuffled targets: its content works against the main task"
        if control is not None and control.p_below(-margin) <= level:
            shuffled += "; shuffled targets hurt too, so that a smaller weight may help"
        return f"Worse than the baseline{beyond}{shuffled}."
    if against.p_above(margin) <= level:
        if over_control is not None and over_control.p_above() > level:
            return (
                f"Better than the baseline{beyond}, but shuffled targets may do as well: it regularises, and that its "
                "content adds anything is not shown."
            )
        return f"Better than the baseline{beyond} if it were the only arm; among several this may be chance."
    if against.p_below(-margin) <= level:
        return f"Worse than the baseline{beyond} if it were the only arm; among several this may be chance."
    if margin and (against.p_above() <= level or against.p_below() <= level):
        return "Differs from the baseline; that it does by more than the margin is not shown."
    return "The difference from the baseline may be chance."


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
