"""Small multiples: a grid of panels, one for each group of tasks."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from auxtasks.audit.arms import Arm
from auxtasks.audit.finding import Finding
from auxtasks.audit.report.figures.style import WIDTH, short
from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.report.words import tasks_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3


def groups_of(report: AuditReport) -> dict[str, list[Finding]]:
    """Gather the findings of the same tasks with different weights.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    dict of str to list of Finding
        By the name of the tasks, the smallest weight first.
    """
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in sorted(report.findings, key=lambda finding: finding.arm.weight):
        groups.setdefault(finding.arm.tasks, []).append(finding)
    # In the order of the report, whatever the order of the weights.
    order = dict.fromkeys(finding.arm.tasks for finding in report.findings)
    return {tasks_name(report, Arm(tasks)): groups[tasks] for tasks in order}


def panels(names: list[str]) -> tuple[Figure, list[Axes]]:
    """Make a figure with a titled panel for each name, all with the same axes.

    Parameters
    ----------
    names : list of str
        The titles.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.
    axes : list of matplotlib.axes.Axes
        One for each name.
    """
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, max(len(names), 1))
    rows = ceil(max(len(names), 1) / columns)
    figure = Figure(figsize=(WIDTH, 0.9 + 2.0 * rows if columns > 1 else 3.4), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    axes = list(grid.flat)
    for panel in axes[len(names) :]:
        panel.set_visible(False)
    # The lowest panel of each column carries the numbers, also where the last row is not full.
    for panel in axes[max(len(names) - columns, 0) : len(names)]:
        panel.tick_params(labelbottom=True)
    for panel, name in zip(axes, names, strict=False):
        panel.set_title(short(name, 30), parse_math=False, loc="left")
        panel.grid(axis="y")
        panel.set_axisbelow(True)
    return figure, axes[: len(names)]
