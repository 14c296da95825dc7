"""Reports made by hand: scores are drawn, so that nothing needs to be trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from auxtasks.audit.comparison import Verdict, paired_comparison
from auxtasks.audit.experiment import BASELINE, Arm, Run
from auxtasks.audit.report import AuditReport
from auxtasks.audit.verdicts import Finding

SETTINGS: dict[str, Any] = {
    "metric": "accuracy",
    "higher_is_better": True,
    "margin": 0.0,
    "confidence": 0.95,
    "adjust": "holm",
    "folds": 1,
    "n_train": 400,
    "n_labelled": 40,
    "n_test": 500,
    "epochs": 30,
    "at": "auto",
    "weighting": "fixed",
    "controls": True,
    "versions": {"auxtasks": "0.1", "keras": "3.12", "tensorflow": "2.18", "numpy": "2.4"},
    "seconds": 754.2,
}
BECAUSE = {
    "helps": "Better than the baseline, and than shuffled targets.",
    "no effect": "Better than the baseline, but shuffled targets may do as well: it regularises, and its content "
    "is not shown to add anything.",
    "hurts": "Worse than the baseline, and than shuffled targets: its content works against the main task.",
}


def make_report(
    gains: Mapping[str | tuple[str, ...], float | Sequence[float]],
    *,
    n_pairs: int = 10,
    weights: Sequence[float] = (1.0,),
    controls: bool = True,
    noise: float = 0.01,
    epochs: int = 30,
    **settings: Any,
) -> AuditReport:
    """Make a report of arms with given mean gains, one for each weight; a gain above 0.01 helps, below -0.01 hurts."""
    said = {**SETTINGS, "n_pairs": n_pairs, "seeds": [*range(n_pairs)], "weights": [*weights], "controls": controls}
    said |= settings
    sign = 1 if said["higher_is_better"] else -1
    rng = np.random.default_rng(0)
    start = 0.8 + rng.normal(0, 0.02, n_pairs)
    runs = [_run(BASELINE, seed, start[seed], said["metric"], epochs, 1.0, 0.0) for seed in range(n_pairs)]
    findings = []
    for tasks, gain in gains.items():
        tasks = (tasks,) if isinstance(tasks, str) else tasks
        for weight, mean in zip(weights, np.broadcast_to(gain, len(weights)), strict=True):
            arm = Arm(tasks, weight)
            scores = start + sign * (mean + rng.normal(0, noise, n_pairs))
            shuffled = start + sign * (mean / 4 + rng.normal(0, noise, n_pairs))
            runs += [_run(arm, seed, scores[seed], said["metric"], epochs, 1.07, mean) for seed in range(n_pairs)]
            if controls:
                runs += [
                    _run(arm.control, s, shuffled[s], said["metric"], epochs, 1.07, mean / 4) for s in range(n_pairs)
                ]
            verdict: Verdict = "helps" if mean > 0.01 else "hurts" if mean < -0.01 else "no effect"
            findings.append(
                Finding(
                    arm,
                    verdict,
                    BECAUSE[verdict],
                    paired_comparison(sign * start, sign * scores),
                    paired_comparison(sign * shuffled, sign * scores) if controls else None,
                    paired_comparison(sign * start, sign * shuffled) if controls else None,
                    0.012,
                    0.84 if mean > 0 else float("nan"),
                    0.41,
                    1.07,
                )
            )
    return AuditReport(said, tuple(findings), tuple(runs), {task: 0.84 for f in findings for task in f.arm.tasks})


def _run(arm: Arm, seed: int, score: float, metric: str, epochs: int, seconds: float, gain: float) -> Run:
    at = np.arange(epochs)
    curve = 0.3 + 1.6 * np.exp(-at * (0.12 + gain)) + 0.03 * np.random.default_rng(seed).normal(size=epochs)
    learned = dict.fromkeys(arm.tasks, 0.41)
    return Run(arm, seed, 0, {metric: float(score), "log_loss": 0.5}, learned, seconds, {"main": curve.tolist()})


def with_teacher(report: AuditReport, task: str, gain: float) -> AuditReport:
    """Return a report whose arms of one task are of soft labels, with a teacher so much ahead of the network alone."""
    metric, sign = report.settings["metric"], 1 if report.settings["higher_is_better"] else -1
    alone = {run.pair: run.scores[metric] for run in report.runs if run.arm == BASELINE}
    noise = np.random.default_rng(1).normal(0, 0.005, 1000)
    runs = tuple(
        replace(run, teacher={metric: alone[run.pair] + sign * (gain + noise[run.seed])})
        if task in run.arm.tasks
        else run
        for run in report.runs
    )
    return AuditReport({**report.settings, "teacher": "ridge"}, report.findings, runs, report.relevance)
