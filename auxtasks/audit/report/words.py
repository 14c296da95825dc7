"""The sentences of a report, and what its arms are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10, nan
from typing import NamedTuple

import numpy as np

from auxtasks.audit.experiment import Arm
from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.verdicts import Comparison, Finding, Verdict

FEW = 3
LEGEND = (
    "relevance: of the targets to the main label, 0 as a guess, 1 without error. learned: loss over chance, 1 as a "
    "guess. cost: training time over the baseline's."
)
LEGEND_CONTROLS = "control: the difference with shuffled targets. "


def heading(report: AuditReport) -> str:
    """Say what was judged, and how."""
    said, units = report.settings, Units.of(report)
    direction = "" if said["higher_is_better"] else " (lower is better; a difference above 0 is a gain)"
    adjust = str(said["adjust"] or "none")
    adjusted = "not adjusted" if adjust == "none" else f"{adjust.capitalize()}-adjusted"
    # The intervals are those of each arm alone.
    return (
        f"{said['metric']}{direction} over {said['n_pairs']} pairs: baseline {units.value(baseline_mean(report))}, "
        f"margin {units.size(said['margin'])}, {100 * said['confidence']:g} % intervals, verdicts {adjusted}"
    )


def baseline_mean(report: AuditReport) -> float:
    """Return the mean score of the baseline, NaN where there is none."""
    scores = [run.scores.get(report.settings["metric"], nan) for run in report.runs if not run.arm.tasks]
    if scores:
        return float(np.mean(scores))
    # A comparison holds scores of which more is better.
    sign = 1 if report.settings["higher_is_better"] else -1
    return sign * float(report.findings[0].comparison.baseline.mean()) if report.findings else nan


def conclusion(report: AuditReport) -> str:
    """Say what follows: the arm that helps most, or none."""
    units = Units.of(report)
    helpful = [finding for finding in report.findings if finding.verdict == "helps"]
    if not helpful:
        margin = report.settings["margin"]
        beyond = f" by more than the margin of {units.size(margin)}" if margin else ""
        return f"Nothing helped{beyond}: train without auxiliary tasks."
    best: Finding = max(helpful, key=lambda finding: finding.comparison.mean)
    weight = "" if best.arm.weight == 1.0 else f" (weight {best.arm.weight:g})"
    gain = units.interval(best.comparison)
    if units.in_points:
        gain = gain.replace(" (", f"{units.unit} (", 1)
    else:
        gain = f"{report.settings['metric']} better by {gain.replace('+', '')}"
    return f"Use {tasks_name(report, best.arm)}{weight}: {gain}."


def arm_name(report: AuditReport, arm: Arm) -> str:
    """Return what an arm is called where there is little room."""
    several = len({finding.arm.weight for finding in report.findings}) > 1
    weighted = arm.tasks and (several or arm.weight != 1.0)
    return tasks_name(report, arm) + (f" ×{arm.weight:g}" if weighted else "")


def tasks_name(report: AuditReport, arm: Arm) -> str:
    """Return `arm_name` without the weight."""
    if len(arm.tasks) > FEW and set(arm.tasks) == all_tasks(report):
        return f"all {len(arm.tasks)} tasks"
    return " + ".join(arm.tasks) or "baseline"


def all_tasks(report: AuditReport) -> set[str]:
    """Return the tasks of all arms."""
    return {task for finding in report.findings for task in finding.arm.tasks}


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
    """Tell whether a metric goes from 0 to 1 and is better written in %."""
    return any(metric == share or metric.startswith((f"{share}_", f"{share}[")) for share in SHARES)


def number_text(number: float, decimals: int, sign: str = "") -> str:
    """Write a number; one that is not finite as a dash, and zero without a sign."""
    if not isfinite(number):
        return UNKNOWN
    text = f"{number:{sign}.{decimals}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def _decimals(numbers: Sequence[float]) -> int:
    """Return how many decimals give the largest number three significant digits."""
    largest = max((abs(number) for number in numbers if isfinite(number)), default=0.0)
    return min(max(2 - floor(log10(largest)), 0), 12) if largest else 0


class Row(NamedTuple):
    """What the table says of one arm.

    Parameters
    ----------
    task, verdict, difference, worse_in, control, relevance, learned, cost : str
        The cells.
    """

    task: str
    verdict: Verdict
    difference: str
    worse_in: str
    control: str
    relevance: str
    learned: str
    cost: str


def columns(report: AuditReport) -> tuple[str, ...]:
    """Return the headings of the columns."""
    unit = Units.of(report).unit
    return ("task", "verdict", "difference" + unit.replace(" ", ", "), *(n.replace("_", " ") for n in Row._fields[3:]))


def rows(report: AuditReport) -> list[Row]:
    """Write the findings as texts."""
    units = Units.of(report)
    return [_row(report, finding, units) for finding in report.findings]


def _row(report: AuditReport, finding: Finding, units: Units) -> Row:
    differences = finding.comparison.differences
    known = np.isfinite(differences)
    return Row(
        arm_name(report, finding.arm),
        finding.verdict,
        units.interval(finding.comparison),
        f"{int((differences < 0).sum())} of {int(known.sum())}",
        UNKNOWN if finding.control is None else units.difference(finding.control.mean),
        number_text(finding.relevance, 2),
        number_text(finding.learned, 2),
        f"×{finding.cost:.2f}" if isfinite(finding.cost) else UNKNOWN,
    )
