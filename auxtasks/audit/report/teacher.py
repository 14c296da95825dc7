"""The network alone, its teacher alone, and the network taught: who of these is ahead."""

from __future__ import annotations

from dataclasses import dataclass

from auxtasks.audit.comparison import Comparison, compared
from auxtasks.audit.experiment import BASELINE, Run
from auxtasks.audit.report.content import Content, sign_of, smallest_of
from auxtasks.audit.report.tables import Table
from auxtasks.audit.report.words import UNKNOWN, Units


@dataclass(frozen=True)
class AgainstTeacher:
    """The judged metric of the network alone, of the teacher alone and of the network taught, over the same pairs.

    Scores are those of which more is better. The network taught is the arm with soft labels and no other task.
    """

    target: str
    teacher: str
    of_teacher: Comparison  # with the network alone
    of_taught: Comparison  # with the network alone
    over_teacher: Comparison  # of the network taught

    @property
    def names(self) -> tuple[str, str, str]:
        """What the rows are called."""
        return "the network alone", f"the teacher alone ({self.teacher})", "the network taught"


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
    return AgainstTeacher(arm.tasks[-1], str(said.get("teacher", "soft labels")), *found)


def teacher_table(content: Content) -> Table | None:
    """Give the three rows for people."""
    found = against_teacher(content)
    if found is None:
        return None
    units, sign = Units.of(content), sign_of(content)
    network, teacher, taught = found.of_teacher.baseline, found.of_teacher.auxiliary, found.of_taught.auxiliary
    differences = (UNKNOWN, units.interval(found.of_teacher), units.interval(found.of_taught))
    rows = [
        (name, units.value(sign * float(scores.mean())), difference)
        for name, scores, difference in zip(found.names, (network, teacher, taught), differences, strict=True)
    ]
    return Table(("", content.settings["metric"], "difference" + units.unit.replace(" ", ", ")), rows)


def teacher_values(content: Content) -> Table:
    """Give the three rows in numbers; see `AuditReport.teacher_frame`."""
    columns = ("who", "value", "difference", "low", "high", "verdict")
    found, sign = against_teacher(content), sign_of(content)
    if found is None:
        return Table(columns, [])
    rows = [(found.names[0], sign * float(found.of_teacher.baseline.mean()), 0.0, 0.0, 0.0, "no effect")]
    for name, each in zip(found.names[1:], (found.of_teacher, found.of_taught), strict=True):
        rows.append((name, sign * float(each.auxiliary.mean()), each.mean, each.low, each.high, each.verdict))
    return Table(columns, rows)


def teacher_sentence(content: Content) -> str:
    """Say who is ahead, and what follows; empty where no arm has soft labels."""
    found = against_teacher(content)
    if found is None:
        return ""
    units, sign = Units.of(content), sign_of(content)
    network, teacher, taught = (
        units.value(sign * float(scores.mean())).removesuffix(" %")
        for scores in (found.of_teacher.baseline, found.of_teacher.auxiliary, found.of_taught.auxiliary)
    )
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
