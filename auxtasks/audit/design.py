"""What an audit can find: the smallest effect that matters, the smallest it detects, and how much more others take."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, isfinite, sqrt

from auxtasks.audit.comparison import Comparison
from auxtasks.audit.metrics import is_share

OF_A_SHARE, OF_AN_ERROR = 0.01, 0.02
POWER = 0.8
DISAGREEMENT = 0.2
"""On which share of the test samples one of two models of a pair alone is right: between a tenth and a third where few
samples are labelled."""
MOST_PAIRS = 10_000


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
        """Say it before the training."""
        number = f"{100 * self.detectable:.2g}"
        unit = "points" if is_share(self.metric) else f"% of the baseline's {self.metric}"
        size = f"{self.detectable:.2g}" if self.metric == "r2" else f"{number} {unit}"
        return (
            f"{self.n_pairs} pairs, each tested on about {self.n_test:.0f} samples. The smallest effect that this "
            f"design is likely to find (in 4 of 5 audits) is about {size} in {self.metric}, if one of the two models "
            f"alone is right on {DISAGREEMENT:.0%} of these samples."
        )


def smallest_effect(metric: str, margin: float, baseline: float) -> float:
    """Return the smallest effect of interest: a smaller one counts as none.

    The margin, or where that is 0 one point of a metric that is a share, 0.01 of R², and of errors and losses 2 % of
    those of the baseline, which is NaN before it is trained.
    """
    if margin > 0:
        return margin
    return OF_A_SHARE if is_absolute(metric) else OF_AN_ERROR * abs(baseline)


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
    low, high = 1, MOST_PAIRS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


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
    """Return the standard deviation of the differences of a comparison."""
    return found.error / sqrt(1 / len(found.baseline) + overlap)


def rounded(number: float) -> int:
    """Round up to two digits: an estimate has no more."""
    unit = int(10 ** max(len(str(ceil(number))) - 2, 0))
    return ceil(number / unit) * unit
