"""Which figures a report has, and what is written below them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auxtasks.audit.report.figures.curves import draw_curves
from auxtasks.audit.report.figures.differences import draw_differences
from auxtasks.audit.report.figures.style import house_style
from auxtasks.audit.report.figures.weights import draw_weights
from auxtasks.audit.report.report import AuditReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figures_of(report: AuditReport) -> dict[str, Figure]:
    """Draw the figures of a report.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        ``"differences"``, ``"curves"`` and, where several weights were tried, ``"weights"``.
    """
    with house_style():
        figures = {"differences": draw_differences(report), "curves": draw_curves(report)}
        if len({finding.arm.weight for finding in report.findings}) > 1:
            figures["weights"] = draw_weights(report)
    return figures


def captions(report: AuditReport) -> dict[str, str]:
    """Say what each figure shows.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    dict of str to str
        One for each figure a report may have.
    """
    interval = f"{100 * report.settings['confidence']:g} % interval"
    band = "; the yellow band is the margin" if report.settings["margin"] else ""
    controlled = any(finding.control for finding in report.findings)
    grey = " Grey: shuffled targets, which hold no information." if controlled else ""
    dashed = " Grey and dashed: shuffled targets." if controlled else ""
    return {
        "differences": (
            "Each small dot is a pair: the same initial weights and batches with and without the task. The large mark "
            f"is their mean, the bar its {interval}{band}.{grey} Right is better."
        ),
        "curves": (
            "The main task's training loss in each epoch: the mean over the runs and one standard deviation around it. "
            "Lower here and not better on the test part means that a task makes the model fit, not generalise."
        ),
        "weights": (
            f"The mean difference and its {interval} for each weight of the auxiliary losses{band}.{dashed} Up is "
            "better."
        ),
    }
