"""Reports as data frames."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

from auxtasks.audit.arms import Arm
from auxtasks.audit.finding import Finding
from auxtasks.audit.paired import Comparison
from auxtasks.audit.report.report import AuditReport
from auxtasks.optional import require

if TYPE_CHECKING:
    import pandas as pd

_FINDINGS = (
    "arm", "tasks", "weight", "verdict", "difference", "low", "high", "p", "worse", "pairs",
    "over_control", "over_control_low", "over_control_high", "control", "control_low", "control_high",
    "relevance", "learned", "cost", "because",
)  # fmt: skip
_RUNS = ("arm", "tasks", "weight", "shuffled", "seed", "fold", "metric", "value", "seconds")


def findings_frame(report: AuditReport) -> pd.DataFrame:
    """Lay out the findings; see `AuditReport.to_frame`.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    pandas.DataFrame
        One row an arm.
    """
    pandas = require("pandas", extra="audit")
    return pandas.DataFrame([_finding_row(finding) for finding in report.findings], columns=_FINDINGS)


def runs_frame(report: AuditReport) -> pd.DataFrame:
    """Lay out the scores; see `AuditReport.runs_frame`.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    pandas.DataFrame
        One row for each run and metric.
    """
    pandas = require("pandas", extra="audit")
    rows = [
        {
            **_arm(run.arm),
            "shuffled": run.arm.shuffled,
            "seed": run.seed,
            "fold": run.fold,
            "metric": metric,
            "value": value,
            "seconds": run.seconds,
        }
        for run in report.runs
        for metric, value in run.scores.items()
    ]
    return pandas.DataFrame(rows, columns=_RUNS)


def _arm(arm: Arm) -> dict[str, Any]:
    return {"arm": arm.label, "tasks": " + ".join(arm.tasks), "weight": arm.weight if arm.tasks else 0.0}


def _finding_row(finding: Finding) -> dict[str, Any]:
    found = finding.comparison
    return {
        **_arm(finding.arm),
        "verdict": finding.verdict,
        "difference": found.mean,
        "low": found.low,
        "high": found.high,
        "p": finding.p,
        "worse": int((found.differences < 0).sum()),
        "pairs": len(found.differences),
        **_interval("over_control", finding.over_control),
        **_interval("control", finding.control),
        "relevance": finding.relevance,
        "learned": finding.learned,
        "cost": finding.cost,
        "because": finding.because,
    }


def _interval(name: str, found: Comparison | None) -> dict[str, float]:
    mean, low, high = (nan, nan, nan) if found is None else (found.mean, found.low, found.high)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}
