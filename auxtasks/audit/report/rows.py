"""The table of a report as texts, the same for consoles and pages."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

import numpy as np

from auxtasks.audit.finding import Finding
from auxtasks.audit.paired import Verdict
from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.report.units import UNKNOWN, Units, number_text
from auxtasks.audit.report.words import arm_name


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
    """Return the headings of the columns.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    tuple of str
        One for each cell of a `Row`.
    """
    unit = Units.of(report).unit
    return ("task", "verdict", "difference" + unit.replace(" ", ", "), *(n.replace("_", " ") for n in Row._fields[3:]))


def rows(report: AuditReport) -> list[Row]:
    """Write the findings as texts.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    list of Row
        One an arm, in the order of the findings.
    """
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
