"""Scores and differences as text: shares in points, everything else in its own unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10

from auxtasks.audit.paired import Comparison
from auxtasks.audit.report.report import AuditReport

# Those that go from 0 to 1; a variant's name begins with that of its metric.
SHARES = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc")
UNKNOWN = "–"


@dataclass(frozen=True)
class Units:
    """How the judged metric is written.

    Parameters
    ----------
    in_points : bool
        Whether it is a share, written in %, and its differences in points.
    decimals : int
        Of points and %; other numbers have three significant digits.

    Examples
    --------
    >>> from auxtasks.audit.paired import compare
    >>> found = compare([0.80, 0.82, 0.81], [0.84, 0.85, 0.86])
    >>> Units(True).interval(found), Units(False).interval(found)
    ('+4.0 (+1.5 to +6.5)', '+0.0400 (+0.0152 to +0.0648)')
    >>> Units(True).value(0.81), Units(False).value(1234.5), Units(True).difference(float("nan"))
    ('81.0 %', '1234', '–')
    >>> Units(True).size(0.01), Units(True).size(-0.005), Units(False).size(0.5)
    ('1 point', '0.5 points', '0.5')
    """

    in_points: bool
    decimals: int = 1

    @classmethod
    def of(cls, report: AuditReport) -> Units:
        """Choose the units of a report: two decimals where all differences are below one point."""
        means = [abs(finding.comparison.mean) for finding in report.findings]
        return cls(is_share(report.settings["metric"]), 2 if means and max(means) < 0.01 else 1)

    @property
    def factor(self) -> float:
        """What a number is multiplied by to be written."""
        return 100.0 if self.in_points else 1.0

    @property
    def unit(self) -> str:
        """The unit of a difference, with the space before it."""
        return " points" if self.in_points else ""

    def value(self, score: float) -> str:
        """Write a score."""
        return self._texts([score], "")[0] + (" %" if self.in_points and isfinite(score) else "")

    def size(self, difference: float) -> str:
        """Write a difference without its sign, with its unit."""
        text = f"{abs(self.factor * difference):.3g}"
        return text + (" point" if self.in_points and text == "1" else self.unit)

    def difference(self, difference: float) -> str:
        """Write a difference with its sign."""
        return self._texts([difference], "+")[0]

    def interval(self, found: Comparison) -> str:
        """Write a mean difference and its interval."""
        mean, low, high = self._texts([found.mean, found.low, found.high], "+")
        return mean if mean == UNKNOWN else f"{mean} ({low} to {high})"

    def _texts(self, numbers: Sequence[float], sign: str) -> list[str]:
        decimals = self.decimals if self.in_points else _decimals(numbers)
        return [number_text(self.factor * number, decimals, sign) for number in numbers]


def is_share(metric: str) -> bool:
    """Tell whether a metric goes from 0 to 1 and is better written in %.

    Parameters
    ----------
    metric : str
        The metric.

    Returns
    -------
    bool
        Also True for variants of such a metric and for one class of it.

    Examples
    --------
    >>> [is_share(name) for name in ("f1", "precision_weighted", "recall[3]", "rmse", "r2", "f10")]
    [True, True, True, False, False, False]
    """
    return any(metric == share or metric.startswith((f"{share}_", f"{share}[")) for share in SHARES)


def number_text(number: float, decimals: int, sign: str = "") -> str:
    """Write a number; one that is not finite as a dash, and zero without a sign.

    Parameters
    ----------
    number : float
        The number.
    decimals : int
        How many.
    sign : {"", "+"}
        "+" to write the sign of positive numbers too.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> number_text(1.25, 1, "+"), number_text(-0.01, 1, "+"), number_text(float("nan"), 1)
    ('+1.2', '0.0', '–')
    """
    if not isfinite(number):
        return UNKNOWN
    text = f"{number:{sign}.{decimals}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def _decimals(numbers: Sequence[float]) -> int:
    """Return how many decimals give the largest number three significant digits."""
    largest = max((abs(number) for number in numbers if isfinite(number)), default=0.0)
    return min(max(2 - floor(log10(largest)), 0), 12) if largest else 0
