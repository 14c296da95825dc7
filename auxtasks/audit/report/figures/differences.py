"""The figure of paired differences: one row an arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auxtasks.audit.paired import Comparison
from auxtasks.audit.report.figures.style import BASELINE, COLOURS, CONTROL, MARGIN, MARKERS, WIDTH, short
from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.report.units import Units
from auxtasks.audit.report.words import arm_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Within a row of height 1, from its middle down.
_ARM, _CONTROL, _SPREAD = -0.1, 0.28, 0.17


def draw_differences(report: AuditReport) -> Figure:
    """Draw each pair's difference, their mean and interval, the margin, and the control beneath.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    matplotlib.figure.Figure
        As high as the arms need.
    """
    from matplotlib.figure import Figure

    units, findings = Units.of(report), report.findings
    figure = Figure(figsize=(WIDTH, 1.1 + 0.62 * max(len(findings), 1)), layout="constrained")
    axes = figure.subplots()
    margin = units.factor * report.settings["margin"]
    axes.axvspan(-margin, margin, color=MARGIN, alpha=0.35, linewidth=0)
    axes.axvline(0, color=BASELINE, linewidth=1)
    for at, finding in enumerate(findings):
        if at:
            axes.axhline(at - 0.5, color="0.9", linewidth=0.8)
        if finding.control is not None:
            _draw_row(axes, finding.control, at + _CONTROL, units.factor, CONTROL, "o", small=True)
        colour, marker = COLOURS[finding.verdict], MARKERS[finding.verdict]
        _draw_row(axes, finding.comparison, at + _ARM, units.factor, colour, marker, small=False)
        mean = units.difference(finding.comparison.mean).replace("-", "−")
        beside = axes.get_yaxis_transform()
        axes.text(1.02, at, f"{finding.verdict}\n{mean}", color=colour, va="center", fontsize=9, transform=beside)
    axes.set_yticks(range(len(findings)))
    for label in axes.set_yticklabels([short(arm_name(report, finding.arm)) for finding in findings]):
        # A dollar sign in a user's name is no formula.
        label.set_parse_math(False)
    axes.set_ylim(max(len(findings), 1) - 0.5, -0.5)
    axes.set_xlabel(_axis_label(report, units), parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def _axis_label(report: AuditReport, units: Units) -> str:
    said = report.settings
    unit = " in points" if units.in_points else ""
    parts = [f"small dots: pairs; bars: {100 * said['confidence']:g} % intervals"]
    if any(finding.control for finding in report.findings):
        parts.append("grey: shuffled targets")
    if said["margin"]:
        parts.append(f"band: margin of {units.size(said['margin'])}")
    return f"difference in {said['metric']} from the baseline{unit} (right is better)\n{'; '.join(parts)}"


def _draw_row(
    axes: Axes, found: Comparison, at: float, factor: float, colour: str, marker: str, *, small: bool
) -> None:
    differences = factor * found.differences
    # The pairs are spread by their order, so that equal differences do not hide one another.
    places = at + np.linspace(-_SPREAD, _SPREAD, len(differences)) * (0.4 if small else 1.0)
    axes.scatter(differences, places, s=6 if small else 13, color=colour, alpha=0.45, linewidths=0, zorder=2)
    axes.hlines(at, factor * found.low, factor * found.high, color=colour, linewidth=1.5 if small else 3, zorder=3)
    axes.scatter(
        [factor * found.mean], [at], s=22 if small else 70, color=colour, marker=marker, edgecolors="white",
        linewidths=0.8, zorder=4,
    )  # fmt: skip
