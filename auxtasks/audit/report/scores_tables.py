"""The scores of single pairs, and the means of all metrics, for the page."""

from __future__ import annotations

from html import escape

import numpy as np

from auxtasks.audit.arms import Arm
from auxtasks.audit.report.blocks import html_table, typeset
from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.report.units import Units, is_share
from auxtasks.audit.report.words import arm_name


def pairs_table(report: AuditReport) -> str:
    """Lay out the score of the baseline and the difference of each arm, pair by pair; above 0 is better.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    str
        HTML.
    """
    units, metric = Units.of(report), report.settings["metric"]
    sign = 1 if report.settings["higher_is_better"] else -1
    scores = {(run.arm, run.pair): run.scores.get(metric, float("nan")) for run in report.runs}
    baselines = {run.pair: run.scores.get(metric, float("nan")) for run in report.runs if not run.arm.tasks}
    arms = [finding.arm for finding in report.findings]
    cells = [
        [
            f"seed {pair[0]}, fold {pair[1]}",
            units.value(score),
            *(typeset(units.difference(sign * (scores.get((arm, pair), float("nan")) - score))) for arm in arms),
        ]
        for pair, score in sorted(baselines.items())
    ]
    return html_table(["pair", "baseline", *(arm_name(report, arm) for arm in arms)], cells)


def metrics_table(report: AuditReport) -> str:
    """Lay out the mean of each metric over the pairs, one row an arm, controls too.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    str
        HTML.
    """
    scores: dict[Arm, dict[str, list[float]]] = {}
    for run in report.runs:
        for metric, value in run.scores.items():
            scores.setdefault(run.arm, {}).setdefault(metric, []).append(value)
    metrics = list(dict.fromkeys(metric for found in scores.values() for metric in found))
    cells = [
        [
            escape(arm_name(report, arm) + (", shuffled" if arm.shuffled else "")),
            *(_mean(metric, found.get(metric, [])) for metric in metrics),
        ]
        for arm, found in scores.items()
    ]
    return html_table(["arm", *metrics], cells)


def _mean(metric: str, values: list[float]) -> str:
    return Units(is_share(metric)).value(float(np.mean(values)) if values else float("nan"))
