"""What speaks against a task, in words."""

from __future__ import annotations

from auxtasks.audit.screen.ranking import TaskRank

TRIVIAL = REDUNDANT = 0.9
FROM_LABEL = 0.95
_IRRELEVANT = 0.05
_UNEVEN = 0.2
_MANY = 0.5


def warnings_of(row: TaskRank, *, varies: bool, unlabelled: bool) -> tuple[str, ...]:
    """Say what speaks against a task.

    Parameters
    ----------
    row : TaskRank
        The measures.
    varies : bool
        Whether the target differs between samples.
    unlabelled : bool
        Whether relevance is unknown for a reason that concerns all tasks, and is said of all at once.

    Returns
    -------
    tuple of str
        Sentences that begin with the task; none of a task without a fault.

    Examples
    --------
    >>> nan = float("nan")
    >>> row = TaskRank("fft", 0.0, 0.5, 0.0, "", 0.97, 0.0, nan, 0.0, ())
    >>> warnings_of(row, varies=True, unlabelled=False)
    ('fft: 97 % of it is a linear function of the input; a deep trunk has little to learn from it.',)
    """
    if row.missing == 1:
        return (f"{row.task}: missing for all samples; there is nothing to learn.",)
    if not varies:
        return (f"{row.task}: the same for all samples; there is nothing to learn.",)
    said = {
        f"{_percent(row.missing)} of it is missing.": row.missing > _MANY,
        f"{_percent(row.triviality)} of it is a linear function of the input; a deep trunk has little to learn from "
        "it.": row.triviality >= TRIVIAL,
        f"{_percent(row.from_label)} of it follows from the main label; it tells the trunk nothing that the main task "
        "does not.": row.from_label >= FROM_LABEL,
        f"{_percent(row.redundancy)} of it is a linear function of {row.redundant_with}; beside that it adds "
        "little.": row.redundancy >= REDUNDANT,
        f"it tells a linear model no more of the main label than a guess (skill {row.relevance:.2f}).".replace(
            "-0.00", "0.00"
        ): row.relevance < _IRRELEVANT,
        "it could not be told how relevant it is: too few labelled samples have a value of it, or the same one.": (
            row.relevance != row.relevance and not unlabelled
        ),
        f"nearly all of its values are of one class (entropy {row.entropy:.2f}).": row.entropy < _UNEVEN,
    }
    return tuple(f"{row.task}: {sentence}" for sentence, true in said.items() if true)


def _percent(share: float) -> str:
    """Round to whole percents, but not to 100 what is less."""
    if share != share:
        return "–"
    return "more than 99 %" if 0.995 <= share < 0.9999 else f"{100 * share:.0f} %"
