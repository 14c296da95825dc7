"""Two arms compared pair by pair: what their differences say, and what it takes to find a difference at all."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf, isfinite, sqrt
from typing import Literal

import numpy as np

from auxtasks.audit.metrics import is_share
from auxtasks.errors import InvalidInputError
from auxtasks.targets.samples import to_array
from auxtasks.typing import Floats
from auxtasks.validation import LARGEST_NUMBER, check_number

Verdict = Literal["helps", "no effect", "unclear", "hurts"]
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
    smallest_effect : float, default 0.0
        The smallest difference that matters.
    """

    baseline: Floats
    auxiliary: Floats
    mean: float
    low: float
    high: float
    error: float
    smallest_effect: float = 0.0

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
        >>> paired_comparison([0.7, 0.6], [0.75, 0.65]).p_above(), paired_comparison([0.7, 0.6], [0.7, 0.6]).p_above()
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

    def p_within(self, margin: float) -> float:
        """Return the p-value of two one-sided tests that the mean difference is between -margin and margin.

        Parameters
        ----------
        margin : float
            The smallest difference that matters, 0 or more.

        Returns
        -------
        float
            At most 2.5 % where the interval of 95 % lies within the margin (Schuirmann 1987, Journal of
            Pharmacokinetics and Biopharmaceutics 15:657-680). Where all differences are equal that of the sign test.

        Examples
        --------
        >>> found = paired_comparison([0.80, 0.82, 0.81], [0.80, 0.82, 0.82])
        >>> found.p_within(0.05) < 0.025 < found.p_within(0.01)
        True
        """
        margin = check_number("margin", margin, low=0.0)
        if self.error == 0:
            return 0.5 ** len(self.baseline) if abs(self.mean) <= margin + self.rounding else 1.0
        return max(self.p_above(-margin), self.p_below(margin))

    @property
    def differences(self) -> Floats:
        """The difference of each pair."""
        return self.auxiliary - self.baseline

    @property
    def verdict(self) -> Verdict:
        """``"helps"`` if the whole interval is above 0, and ``"hurts"`` if it is below.

        Else ``"no effect"`` if it lies within the smallest difference that matters, and ``"unclear"`` if it is too wide
        to say. An interval without width counts if the sign test says so too, at the level of an interval of 95 %.
        """
        tests = (self.p_above(), self.p_below(), self.p_within(self.smallest_effect))
        if self.error == 0 and min(tests) > (1 - CONFIDENCE) / 2:
            return "unclear"
        if self.low > self.rounding:
            return "helps"
        if self.high < -self.rounding:
            return "hurts"
        within = -self.smallest_effect - self.rounding <= self.low <= self.high <= self.smallest_effect + self.rounding
        return "no effect" if within else "unclear"


def paired_comparison(
    baseline: Sequence[float],
    auxiliary: Sequence[float],
    *,
    confidence: float = CONFIDENCE,
    overlap: float = 0.0,
    smallest_effect: float = 0.0,
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
    smallest_effect : float, default 0.0
        The smallest difference that matters, such as 0.01 for a point of accuracy. The verdict is "no effect" only
        where the whole interval is smaller; without it a difference that is not shown is "unclear".

    Returns
    -------
    Comparison
        With the interval of the mean difference. Where all differences are equal it has no width.

    Raises
    ------
    InvalidInputError, InvalidTypeError
        If the arms differ in length, there are fewer than two pairs, or a number is out of range: `confidence` from 0.5
        to 0.9999, `overlap` and `smallest_effect` at least 0.

    Notes
    -----
    ``mean(d) ± t(0.975, n - 1) * std(d) * sqrt(1 / n + overlap)`` with the sample standard deviation (``ddof=1``), the
    interval of Student's paired t-test (Student 1908, Biometrika 6(1):1-25), and with an overlap that of Nadeau and
    Bengio (2003, Machine Learning 52:239-281). It covers the seeds, that is, splits and initial weights, and not other
    data sets.

    Examples
    --------
    >>> found = paired_comparison([0.80, 0.82, 0.81], [0.84, 0.85, 0.86])
    >>> f"{found.mean:.3f} from {found.low:.3f} to {found.high:.3f}: {found.verdict}"
    '0.040 from 0.015 to 0.065: helps'
    """
    confidence, overlap = checked_confidence(confidence), check_number("overlap", overlap, low=0.0)
    smallest = check_number("smallest_effect", smallest_effect, low=0.0)
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
    return compared(first, second, confidence=confidence, overlap=overlap, smallest_effect=smallest)


def compared(
    baseline: Sequence[float] | Floats,
    auxiliary: Sequence[float] | Floats,
    *,
    confidence: float = CONFIDENCE,
    overlap: float = 0.0,
    smallest_effect: float = 0.0,
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
    return Comparison(first, second, mean, mean - margin, mean + margin, error, smallest_effect)


def checked_confidence(confidence: object) -> float:
    return check_number("confidence", confidence, low=0.5, high=0.9999)


POWER = 0.8
DISAGREEMENT = 0.2
"""On which share of the test samples one of two models of a pair alone is right: between a tenth and a third where few
samples are labelled."""
FEWEST_PAIRS, MOST_PAIRS = 2, 10_000


@dataclass(frozen=True)
class Design:
    """How many pairs judge an arm, each on how many test samples; known before anything is trained."""

    metric: str
    n_pairs: int
    n_test: float
    overlap: float
    confidence: float
    folds: int = 1

    @property
    def detectable(self) -> float:
        """The smallest effect that is found in 4 of 5 audits; of errors and losses as a share of the baseline's."""
        return detectable_effect(self.n_pairs, expected_deviation(self.n_test), self.overlap, self.confidence)

    def in_unit(self, baseline: float) -> float:
        """Return the same in the unit of the metric, given the mean score of the baseline."""
        return self.detectable * (1.0 if is_absolute(self.metric) else abs(baseline))

    def __str__(self) -> str:
        number = f"{100 * self.detectable:.2g}"
        unit = "points" if is_share(self.metric) else f"% of the baseline's {self.metric}"
        size = f"{self.detectable:.2g}" if self.metric == "r2" else f"{number} {unit}"
        return (
            f"{self.n_pairs} pairs, each tested on about {self.n_test:.0f} samples. The smallest effect that this "
            f"design is likely to find (in 4 of 5 audits) is about {size} in {self.metric}, if one of the two models "
            f"alone is right on {DISAGREEMENT:.0%} of these samples."
        )


def is_absolute(metric: str) -> bool:
    """Tell whether a difference of a metric can be judged without the baseline's value."""
    return is_share(metric) or metric == "r2"


def expected_deviation(n_test: float) -> float:
    """Return the standard deviation of the differences of pairs that test samples alone cause.

    Of accuracies ``sqrt(DISAGREEMENT / n_test)``, since the difference is the mean of n_test numbers of which that
    share is -1 or 1 (McNemar 1947, Psychometrika 12:153-157). As a share of the error it is that of a root mean square
    too, of two models whose squared errors are correlated by ``1 - DISAGREEMENT``. What training adds is not in it.
    """
    return sqrt(DISAGREEMENT / max(n_test, 1.0))


def detectable_effect(n_pairs: int, deviation: float, overlap: float, confidence: float) -> float:
    """Return the smallest effect that is found in 4 of 5 audits.

    ``(t(1 - alpha / 2) + t(power)) * deviation * sqrt(1 / n_pairs + overlap)`` with n_pairs - 1 degrees of freedom, the
    minimum detectable effect (Bloom 1995, Evaluation Review 19:547-556) with the standard error of `paired_comparison`.
    """
    from scipy.stats import t

    quantiles = float(t.ppf((1 + confidence) / 2, n_pairs - 1)) + float(t.ppf(POWER, n_pairs - 1))
    return quantiles * deviation * sqrt(1 / n_pairs + overlap)


def pairs_needed(found: Comparison, design: Design, effect: float) -> int | None:
    """Return how many pairs would find an effect; None where more than 10,000, or no number, would."""
    deviation = deviation_of(found, design.overlap)

    def suffices(n: int) -> bool:
        return detectable_effect(n, deviation, design.overlap, design.confidence) <= effect

    if not isfinite(deviation) or not suffices(MOST_PAIRS):
        return None
    return FEWEST_PAIRS + bisect_left(range(FEWEST_PAIRS, MOST_PAIRS), True, key=suffices)


def samples_needed(found: Comparison, design: Design, effect: float) -> float:
    """Return how many test samples in each pair would find an effect with as many pairs as there are.

    ``n_test * (detected / effect)²``, since the deviation falls with the root of their number as far as test samples
    cause it: at least so many.
    """
    if effect <= 0:
        return inf
    deviation = deviation_of(found, design.overlap)
    detected = detectable_effect(len(found.baseline), deviation, design.overlap, design.confidence)
    return design.n_test * (detected / effect) ** 2


def deviation_of(found: Comparison, overlap: float) -> float:
    return found.error / sqrt(1 / len(found.baseline) + overlap)


def rounded(number: float) -> int:
    """Round up to two digits: an estimate has no more."""
    unit = int(10 ** max(len(str(ceil(number))) - 2, 0))
    return ceil(number / unit) * unit
