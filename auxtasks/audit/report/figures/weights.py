"""The figure of weights: the difference against the weight of the auxiliary losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auxtasks.audit.finding import Finding
from auxtasks.audit.report.figures.panels import groups_of, panels
from auxtasks.audit.report.figures.style import BASELINE, COLOURS, CONTROL, MARGIN, MARKERS
from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.report.units import Units

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_weights(report: AuditReport) -> Figure:
    """Draw the difference for each weight, one panel for each group of tasks.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    matplotlib.figure.Figure
        With weights on a logarithmic axis, linear where one is 0.
    """
    from matplotlib.ticker import NullLocator

    groups, units = groups_of(report), Units.of(report)
    figure, axes = panels(list(groups))
    tried = sorted({finding.arm.weight for finding in report.findings})
    margin = units.factor * report.settings["margin"]
    for panel, findings in zip(axes, groups.values(), strict=True):
        if tried[0] > 0:
            panel.set_xscale("log")
        panel.axhspan(-margin, margin, color=MARGIN, alpha=0.35, linewidth=0)
        panel.axhline(0, color=BASELINE, linewidth=1)
        _draw_group(panel, findings, units.factor)
        panel.set_xticks(tried, [f"{weight:g}" for weight in tried])
        panel.xaxis.set_minor_locator(NullLocator())
    unit = ", points" if units.in_points else ""
    figure.supxlabel("weight", fontsize=10)
    figure.supylabel(f"difference in {report.settings['metric']}{unit}", fontsize=10, parse_math=False)
    return figure


def _draw_group(axes: Axes, findings: list[Finding], factor: float) -> None:
    weights = [finding.arm.weight for finding in findings]
    axes.plot(weights, [factor * finding.comparison.mean for finding in findings], color=BASELINE, linewidth=1.2)
    controls = [(finding.arm.weight, finding.control) for finding in findings if finding.control is not None]
    axes.plot([w for w, _ in controls], [factor * c.mean for _, c in controls], "--o", color=CONTROL, markersize=3)
    for finding, weight in zip(findings, weights, strict=True):
        found, colour = finding.comparison, COLOURS[finding.verdict]
        axes.vlines(weight, factor * found.low, factor * found.high, color=colour, linewidth=2)
        axes.plot([weight], [factor * found.mean], MARKERS[finding.verdict], color=colour, markersize=7)
