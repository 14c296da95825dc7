"""The figure of learning curves: the main loss of the baseline and of each arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from auxtasks.audit.arms import BASELINE as BASELINE_ARM
from auxtasks.audit.arms import Arm
from auxtasks.audit.report.figures.panels import groups_of, panels
from auxtasks.audit.report.figures.style import BASELINE, COLOURS
from auxtasks.audit.report.report import AuditReport
from auxtasks.typing import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINES = ("-", "--", ":", "-.")


def draw_curves(report: AuditReport) -> Figure:
    """Draw the main task's loss in each epoch, one panel for each group of tasks.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    matplotlib.figure.Figure
        The baseline is grey in every panel; weights differ in their dashes.
    """
    from matplotlib.ticker import MaxNLocator

    groups = groups_of(report)
    figure, axes = panels(list(groups))
    baseline = _curves(report, BASELINE_ARM)
    several = len({finding.arm.weight for finding in report.findings}) > 1
    for panel, findings in zip(axes, groups.values(), strict=True):
        _draw_curve(panel, baseline, BASELINE, "-", "baseline")
        for at, finding in enumerate(findings):
            weight = f"weight {finding.arm.weight:g}, " if several else ""
            dashes = _LINES[at % len(_LINES)]
            _draw_curve(panel, _curves(report, finding.arm), COLOURS[finding.verdict], dashes, weight + finding.verdict)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if panel.lines:
            panel.legend(fontsize=8, handlelength=1.8, loc="upper right")
    figure.supxlabel("epoch", fontsize=10)
    figure.supylabel("main training loss", fontsize=10)
    return figure


def mean_and_spread(curves: Sequence[Sequence[float]]) -> tuple[Floats, Floats]:
    """Average curves that may end at different epochs.

    Parameters
    ----------
    curves : sequence of sequence of float
        The losses of each run; what is not finite counts as missing.

    Returns
    -------
    mean, spread : ndarray
        Of the runs that have a loss at that epoch, NaN where none has. The spread is their standard deviation.

    Examples
    --------
    >>> mean_and_spread([[3.0, 1.0], [1.0]])
    (array([2., 1.]), array([1., 0.]))
    """
    losses = np.full((len(curves), max(map(len, curves), default=0)), np.nan)
    for row, curve in zip(losses, curves, strict=True):
        row[: len(curve)] = curve
    losses = np.ma.masked_invalid(losses)
    return losses.mean(axis=0).filled(np.nan), losses.std(axis=0).filled(np.nan)


def _curves(report: AuditReport, arm: Arm) -> list[list[float]]:
    return [run.curves["main"] for run in report.runs if run.arm == arm and "main" in run.curves]


def _draw_curve(axes: Axes, curves: list[list[float]], colour: str, dashes: str, label: str) -> None:
    mean, spread = mean_and_spread(curves)
    if not np.isfinite(mean).any():
        return
    epochs = np.arange(1, len(mean) + 1)
    axes.fill_between(epochs, mean - spread, mean + spread, color=colour, alpha=0.12, linewidth=0)
    marker = "o" if len(mean) == 1 else None
    axes.plot(epochs, mean, color=colour, linestyle=dashes, linewidth=1.6, marker=marker, label=label)
