"""The sentences of a report, and what its arms are called."""

from __future__ import annotations

from math import nan

import numpy as np

from auxtasks.audit.arms import Arm
from auxtasks.audit.finding import Finding
from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.report.units import Units

FEW = 3
LEGEND = (
    "relevance: of the targets to the main label, 0 as a guess, 1 without error. learned: loss over chance, 1 as a "
    "guess. cost: training time over the baseline's."
)
LEGEND_CONTROLS = "control: the difference with shuffled targets. "


def heading(report: AuditReport) -> str:
    """Say what was judged, and how.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    str
        One line: metric, pairs, baseline, margin, intervals and adjustment.
    """
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
    """Return the mean score of the baseline, NaN where there is none.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    float
        In the unit of the metric.
    """
    scores = [run.scores.get(report.settings["metric"], nan) for run in report.runs if not run.arm.tasks]
    if scores:
        return float(np.mean(scores))
    # A comparison holds scores of which more is better.
    sign = 1 if report.settings["higher_is_better"] else -1
    return sign * float(report.findings[0].comparison.baseline.mean()) if report.findings else nan


def conclusion(report: AuditReport) -> str:
    """Say what follows: the arm that helps most, or none.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    str
        One sentence.
    """
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
    """Return what an arm is called where there is little room.

    Parameters
    ----------
    report : AuditReport
        The report.
    arm : Arm
        One of its arms.

    Returns
    -------
    str
        Its label, with ``all 12 tasks`` in place of many names, and with a weight of 1 said where there are others.
    """
    several = len({finding.arm.weight for finding in report.findings}) > 1
    weighted = arm.tasks and (several or arm.weight != 1.0)
    return tasks_name(report, arm) + (f" ×{arm.weight:g}" if weighted else "")


def tasks_name(report: AuditReport, arm: Arm) -> str:
    """Return `arm_name` without the weight.

    Parameters
    ----------
    report : AuditReport
        The report.
    arm : Arm
        One of its arms.

    Returns
    -------
    str
        The tasks.
    """
    if len(arm.tasks) > FEW and set(arm.tasks) == all_tasks(report):
        return f"all {len(arm.tasks)} tasks"
    return " + ".join(arm.tasks) or "baseline"


def all_tasks(report: AuditReport) -> set[str]:
    """Return the tasks of all arms.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    set of str
        Their names.
    """
    return {task for finding in report.findings for task in finding.arm.tasks}
