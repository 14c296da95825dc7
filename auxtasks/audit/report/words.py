"""The sentences of a report, and what its arms are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10, nan

import numpy as np

from auxtasks.audit.experiment import AGREEMENT, Arm
from auxtasks.audit.report.content import Content, has_controls, sign_of, tasks_of, weights_of
from auxtasks.audit.verdicts import Comparison, Finding


def heading(content: Content) -> str:
    """Say what was judged, and how."""
    said, units = content.settings, Units.of(content)
    direction = "" if said["higher_is_better"] else " (lower is better; a difference above 0 is a gain)"
    adjust = str(said["adjust"] or "none")
    adjusted = "not adjusted" if adjust == "none" else f"{adjust.capitalize()}-adjusted"
    # The intervals are those of each arm alone.
    return (
        f"{said['metric']}{direction} over {said['n_pairs']} pairs: baseline {units.value(baseline_mean(content))}, "
        f"margin {units.size(said['margin'])}, {100 * said['confidence']:g} % intervals, verdicts {adjusted}"
    )


def legend(content: Content) -> str:
    """Say what the columns of the table are."""
    control = "control: the difference with shuffled targets. " if has_controls(content) else ""
    if AGREEMENT in tasks_of(content):
        control += "control of agreement: the difference with changed copies of labelled samples alone. "
    return (
        f"{control}relevance: of the targets to the main label, 0 as a guess, 1 without error. aux_loss: loss over "
        "chance, 1 as a guess. time_ratio: training time over the baseline's."
    )


def baseline_mean(content: Content) -> float:
    """Return the mean score of the baseline, NaN where there is none."""
    scores = [run.scores.get(content.settings["metric"], nan) for run in content.runs if not run.arm.tasks]
    if scores:
        return float(np.mean(scores))
    # A comparison holds scores of which more is better.
    return sign_of(content) * float(content.findings[0].comparison.baseline.mean()) if content.findings else nan


def conclusion(content: Content) -> str:
    """Say what follows: the arm that helps most, or none."""
    units = Units.of(content)
    helpful = [finding for finding in content.findings if finding.verdict == "helps"]
    if not helpful:
        margin = content.settings["margin"]
        beyond = f" by more than the margin of {units.size(margin)}" if margin else ""
        return f"Nothing helped{beyond}: train without auxiliary tasks."
    best: Finding = max(helpful, key=lambda finding: finding.comparison.mean)
    weight = "" if best.arm.weight == 1.0 else f" (weight {best.arm.weight:g})"
    gain = units.interval(best.comparison)
    if units.in_points:
        gain = gain.replace(" (", f"{units.unit} (", 1)
    else:
        gain = f"{content.settings['metric']} better by {gain.replace('+', '')}"
    return f"Use {tasks_name(content, best.arm)}{weight}: {gain}."


def arm_name(content: Content, arm: Arm) -> str:
    """Return what an arm is called where there is little room."""
    weighted = arm.tasks and (len(weights_of(content)) > 1 or arm.weight != 1.0)
    return tasks_name(content, arm) + (f" ×{arm.weight:g}" if weighted else "")


_FEW = 3


def tasks_name(content: Content, arm: Arm) -> str:
    """Return `arm_name` without the weight."""
    if len(arm.tasks) > _FEW and set(arm.tasks) == tasks_of(content):
        return f"all {len(arm.tasks)} tasks"
    return " + ".join(arm.tasks) or "baseline"


# Those that go from 0 to 1; a variant's name begins with that of its metric.
SHARES = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc")
UNKNOWN = "–"


@dataclass(frozen=True)
class Units:
    """How the judged metric is written: a share in %, and its differences in points; others with three digits."""

    in_points: bool
    decimals: int = 1

    @classmethod
    def of(cls, content: Content) -> Units:
        """Choose the units of a report: two decimals where all differences are below one point."""
        means = [abs(finding.comparison.mean) for finding in content.findings]
        return cls(is_share(content.settings["metric"]), 2 if means and max(means) < 0.01 else 1)

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
