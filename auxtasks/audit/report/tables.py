"""The tables of a report, as columns and rows: what console, page and data frames show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import isfinite, nan
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import numpy as np

from auxtasks.audit.comparison import Comparison, compared
from auxtasks.audit.experiment import BASELINE, Arm, Run
from auxtasks.audit.metrics import is_share
from auxtasks.audit.report.content import (
    UNKNOWN,
    Content,
    Units,
    arm_name,
    number_text,
    sign_of,
    smallest_of,
    tasks_of,
)
from auxtasks.audit.verdicts import Finding

Item = TypeVar("Item")


class Table(NamedTuple):
    """Columns and rows; texts in those for people, and values in those for data frames."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def _laid_out(cells: Mapping[str, Callable[[Item], Any]], items: Iterable[Item]) -> Table:
    return Table(tuple(cells), [tuple(cell(item) for cell in cells.values()) for item in items])


def findings_table(content: Content) -> Table:
    units = Units.of(content)
    cells: dict[str, Callable[[Finding], str]] = {
        "task": lambda finding: arm_name(content, finding.arm),
        "verdict": attrgetter("verdict"),
        "difference" + units.unit.replace(" ", ", "): lambda finding: units.interval(finding.comparison),
        "worse in": lambda finding: (
            f"{finding.comparison.worse} of {np.isfinite(finding.comparison.differences).sum()}"
        ),
        "control": lambda finding: UNKNOWN if finding.control is None else units.difference(finding.control.mean),
        "relevance": lambda finding: number_text(finding.relevance, 2),
        "aux loss": lambda finding: number_text(finding.aux_loss, 2),
        "time ratio": lambda finding: f"×{finding.time_ratio:.2f}" if isfinite(finding.time_ratio) else UNKNOWN,
    }
    return _laid_out(cells, content.findings)


def pairs_table(content: Content) -> Table:
    """Give the score of the baseline and the difference of each arm, pair by pair; above 0 is better."""
    units, metric, sign = Units.of(content), content.settings["metric"], sign_of(content)
    scores = {(run.arm, run.pair): run.scores.get(metric, nan) for run in content.runs}
    baselines = {pair: score for (arm, pair), score in scores.items() if not arm.tasks}
    arms = [finding.arm for finding in content.findings]
    rows = [
        (
            f"seed {pair[0]}, fold {pair[1]}",
            units.value(score),
            *(units.difference(sign * (scores.get((arm, pair), nan) - score)) for arm in arms),
        )
        for pair, score in sorted(baselines.items())
    ]
    return Table(("pair", "baseline", *(arm_name(content, arm) for arm in arms)), rows)


def metrics_table(content: Content) -> Table:
    """Give the mean of each metric over the pairs, one row an arm, controls too."""
    scores: dict[Arm, dict[str, list[float]]] = {}
    for run in content.runs:
        for metric, value in run.scores.items():
            scores.setdefault(run.arm, {}).setdefault(metric, []).append(value)
    metrics = list(dict.fromkeys(metric for found in scores.values() for metric in found))
    rows = [
        (
            arm.named(arm_name(content, arm)) + (", shuffled" if arm.shuffled and arm.of_targets else ""),
            *(Units(is_share(metric)).value(float(np.mean(found.get(metric, [nan])))) for metric in metrics),
        )
        for arm, found in scores.items()
    ]
    return Table(("arm", *metrics), rows)


_NAMES = {
    "metric": "judged metric",
    "higher_is_better": "higher is better",
    "adjust": "adjustment for several arms",
    "n_pairs": "pairs",
    "n_train": "training samples",
    "n_labelled": "of these labelled",
    "n_test": "test samples",
    "smallest_effect": "smallest effect of interest",
    "detectable_effect": "smallest effect that the design finds",
    "overlap": "test over training samples where these overlap",
    "at": "heads at",
    "controls": "controls (shuffled targets)",
    "seconds": "time in all",
}


def settings_table(content: Content) -> Table:
    said = {"tasks": sorted(tasks_of(content)), **content.settings}
    if isinstance(said.get("seconds"), (int, float)):
        said["seconds"] = duration(said["seconds"])
    named = [(_NAMES.get(name, name.replace("_", " ")), in_words(value)) for name, value in said.items()]
    return Table(("setting", "value"), named)


def in_words(value: Any) -> str:
    if isinstance(value, dict):
        parts = [
            f"{key} ({in_words(part)})" if isinstance(part, dict) else f"{key} {in_words(part)}"
            for key, part in value.items()
        ]
        return "; ".join(parts) or UNKNOWN
    if isinstance(value, list):
        return ", ".join(map(in_words, value)) or UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return UNKNOWN
    return f"{value:g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


_ARM: dict[str, Callable[[Any], Any]] = {
    "arm": attrgetter("arm.label"),
    "tasks": lambda item: " + ".join(item.arm.tasks),
    "weight": lambda item: item.arm.weight if item.arm.tasks else 0.0,
}


def _known(comparison: str, field: str) -> Callable[[Finding], float]:
    # Without controls there is no such comparison.
    return lambda finding: getattr(getattr(finding, comparison), field, nan)


_FINDINGS: dict[str, Callable[[Finding], Any]] = {
    **_ARM,
    "verdict": attrgetter("verdict"),
    "difference": attrgetter("comparison.mean"),
    "low": attrgetter("comparison.low"),
    "high": attrgetter("comparison.high"),
    "p": attrgetter("p"),
    "worse": attrgetter("comparison.worse"),
    "pairs": lambda finding: len(finding.comparison.differences),
    **{
        name + end: _known(name, field)
        for name in ("over_control", "control")
        for end, field in (("", "mean"), ("_low", "low"), ("_high", "high"))
    },
    **{name: attrgetter(name) for name in ("relevance", "aux_loss", "time_ratio", "reason")},
}
_RUNS: dict[str, Callable[[Run], Any]] = {
    **_ARM,
    "shuffled": attrgetter("arm.shuffled"),
    "seed": attrgetter("seed"),
    "fold": attrgetter("fold"),
    "metric": lambda run: next(iter(run.scores)),
    "value": lambda run: next(iter(run.scores.values())),
    "seconds": attrgetter("seconds"),
}


def findings_values(content: Content) -> Table:
    return _laid_out(_FINDINGS, content.findings)


def runs_values(content: Content) -> Table:
    each = (replace(run, scores={name: value}) for run in content.runs for name, value in run.scores.items())
    return _laid_out(_RUNS, each)


class AgainstTeacher(NamedTuple):
    """The judged metric of the network alone, of the teacher alone and of the network taught, over the same pairs.

    The network taught is the arm with soft labels and no other task. The comparisons are of scores of which more is
    better.
    """

    target: str
    names: tuple[str, str, str]
    means: tuple[float, ...]
    of_teacher: Comparison  # with the network alone
    of_taught: Comparison  # with the network alone
    over_teacher: Comparison  # of the network taught


def against_teacher(content: Content) -> AgainstTeacher | None:
    """Compare the network with its teacher; None where no arm has soft labels, or fewer than two pairs are known."""
    said, sign = content.settings, sign_of(content)
    metric = said["metric"]
    taught = [run for run in content.runs if metric in run.teacher and not run.arm.shuffled]
    if not taught:
        return None
    arm = min((run.arm for run in taught), key=lambda arm: (len(arm.tasks), abs(arm.weight - 1.0)))
    alone: dict[tuple[int, int], Run] = {run.pair: run for run in content.runs if run.arm == BASELINE}
    runs = [run for run in taught if run.arm == arm and run.pair in alone]
    if len(runs) < 2:
        return None
    how = {"confidence": said["confidence"], "overlap": float(said.get("overlap", 0.0))}
    how["smallest_effect"] = smallest_of(content)
    network = [sign * alone[run.pair].scores[metric] for run in runs]
    teacher = [sign * run.teacher[metric] for run in runs]
    both = [sign * run.scores[metric] for run in runs]
    found = (compared(network, teacher, **how), compared(network, both, **how), compared(teacher, both, **how))
    names = "the network alone", f"the teacher alone ({said.get('teacher', 'soft labels')})", "the network taught"
    means = tuple(sign * float(np.mean(scores)) for scores in (network, teacher, both))
    return AgainstTeacher(arm.tasks[-1], names, means, *found)


def teacher_table(content: Content) -> Table | None:
    found = against_teacher(content)
    if found is None:
        return None
    units = Units.of(content)
    differences = (UNKNOWN, units.interval(found.of_teacher), units.interval(found.of_taught))
    rows = [*zip(found.names, map(units.value, found.means), differences, strict=True)]
    return Table(("", content.settings["metric"], "difference" + units.unit.replace(" ", ", ")), rows)


def teacher_values(content: Content) -> Table:
    columns = ("who", "value", "difference", "low", "high", "verdict")
    found = against_teacher(content)
    if found is None:
        return Table(columns, [])
    differences = [
        (0.0, 0.0, 0.0, "no effect"),
        *((each.mean, each.low, each.high, each.verdict) for each in (found.of_teacher, found.of_taught)),
    ]
    named = zip(found.names, found.means, differences, strict=True)
    return Table(columns, [(name, mean, *difference) for name, mean, difference in named])


def teacher_sentence(content: Content) -> str:
    """Say who is ahead, and what follows; empty where no arm has soft labels."""
    found = against_teacher(content)
    if found is None:
        return ""
    units = Units.of(content)
    network, teacher, taught = (units.value(mean).removesuffix(" %") for mean in found.means)
    use = f"consider using it: targets.transform(X)[{found.target!r}]"
    if found.of_teacher.verdict == "hurts":
        return (
            f"The network alone is better than the teacher ({network} against {teacher}): the network has little to "
            "learn from it."
        )
    if found.over_teacher.verdict == "hurts":
        return f"The teacher alone stays ahead of the network it taught ({teacher} against {taught}); {use}."
    if found.over_teacher.verdict == "helps":
        return f"The network taught is ahead of its teacher ({taught} against {teacher})."
    ahead = found.of_teacher.verdict == "helps"
    than = f"; the teacher is better than the network alone ({network}): {use}" if ahead else ""
    return (
        f"A difference between the teacher alone and the network it taught is not shown ({teacher} against "
        f"{taught}){than}."
    )
