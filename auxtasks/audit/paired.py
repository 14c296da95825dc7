"""Whether a paired difference is more than chance: mean, t-interval and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.typing import Floats

Verdict = Literal["helps", "no effect", "hurts"]
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """Accuracies of two arms over the same seeds, and what their differences say.

    Parameters
    ----------
    baseline, auxiliary : ndarray of float, shape (seeds,)
        Accuracies from 0 to 1; entries of the same place belong to the same split and initial weights.
    mean, low, high : float
        The mean of ``auxiliary - baseline`` and its 95 % interval.
    """

    baseline: Floats
    auxiliary: Floats
    mean: float
    low: float
    high: float

    @property
    def differences(self) -> Floats:
        """The difference of each pair."""
        return self.auxiliary - self.baseline

    @property
    def verdict(self) -> Verdict:
        """``"helps"`` if the whole interval is above 0, ``"hurts"`` if it is below, else ``"no effect"``."""
        if self.low > 0:
            return "helps"
        return "hurts" if self.high < 0 else "no effect"


def compare(baseline: Sequence[float], auxiliary: Sequence[float]) -> Comparison:
    """Compare two arms pair by pair.

    Parameters
    ----------
    baseline, auxiliary : sequence of float
        One accuracy a seed, in the same order; two at least.

    Returns
    -------
    Comparison
        With the interval of the mean difference. Where all differences are equal it has no width.

    Raises
    ------
    InvalidInputError
        If the arms differ in length, or there are fewer than two pairs.

    Notes
    -----
    ``mean(d) ± t(0.975, n - 1) * std(d) / sqrt(n)`` with the sample standard deviation (``ddof=1``), the interval of
    Student's paired t-test (Student 1908, Biometrika 6(1):1-25). It covers the seeds, that is, splits and initial
    weights, and not other data sets.

    Examples
    --------
    >>> found = compare([0.80, 0.82, 0.81], [0.84, 0.85, 0.86])
    >>> f"{found.mean:.3f} from {found.low:.3f} to {found.high:.3f}: {found.verdict}"
    '0.040 from 0.015 to 0.065: helps'
    """
    from scipy.stats import t

    first, second = np.asarray(baseline, dtype=float), np.asarray(auxiliary, dtype=float)
    if first.shape != second.shape or first.ndim != 1 or len(first) < 2:
        raise InvalidInputError(
            f"`baseline` and `auxiliary` must hold one accuracy for each of the same two or more seeds; found shapes "
            f"{first.shape} and {second.shape}."
        )
    differences = second - first
    mean = float(differences.mean())
    margin = float(t.ppf((1 + CONFIDENCE) / 2, len(first) - 1) * differences.std(ddof=1) / np.sqrt(len(first)))
    return Comparison(first, second, mean, mean - margin, mean + margin)
