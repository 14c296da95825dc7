"""What a screen says of each auxiliary task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from math import isnan
from typing import TYPE_CHECKING, Any, overload

from auxtasks.notebook import html_table, legend_grid, plain_text, rich_table
from auxtasks.optional import require

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class TaskRank:
    """What linear models say of one auxiliary task.

    Parameters
    ----------
    task : str
        The task.
    promise : float
        What tasks are ordered by: relevance, times what is not trivial, times what no task of more promise explains.
        0 where the main label itself gives the target away; NaN where relevance is.
    relevance : float
        How well the target tells the main label, as `linear_probe` has it: 0 as a guess, 1 without error, below 0
        worse than a guess.
    redundancy : float
        The largest share of the target's variance that another task's target explains.
    redundant_with : str
        That task; empty where there is none.
    triviality : float
        The share of the target's variance that the input explains; of classes per step, the input at the same step.
    from_label : float
        The share of the target's variance that the main label explains.
    entropy : float
        How evenly classes occur, 0 for a single one, 1 for all alike; NaN for targets that are not classes.
    missing : float
        The share of missing values.
    warnings : tuple of str
        What speaks against the task, in words.

    All shares are of linear maps, on samples they were not fitted to; NaN where they could not be computed. Targets per
    step and images are summed up first, by `auxtasks.audit.screen.features.features_of`: relevance, redundancy and what
    the label explains are those of the summaries.
    """

    task: str
    promise: float
    relevance: float
    redundancy: float
    redundant_with: str
    triviality: float
    from_label: float
    entropy: float
    missing: float
    warnings: tuple[str, ...]


class Ranking(Sequence[TaskRank]):
    """Tasks in order of promise: a screen, not the verdict.

    It says what linear models find in the targets, and not what a network will make of them; `auxtasks.audit.audit`
    trains networks and compares.

    Parameters
    ----------
    rows : sequence of TaskRank
        In order of promise.
    notes : sequence of str
        What holds for all tasks, such as why no relevance is known.
    n_samples, n_labelled : int
        How many samples were drawn, and how many labelled ones relevance rests on.

    Examples
    --------
    >>> row = TaskRank("fft", 0.4, 0.5, 0.2, "std", 0.0, 0.3, float("nan"), 0.0, ())
    >>> ranking = Ranking([row], [], 300, 100)
    >>> ranking.names, ranking[0].relevance
    (('fft',), 0.5)
    """

    def __init__(self, rows: Sequence[TaskRank], notes: Sequence[str], n_samples: int, n_labelled: int) -> None:
        self._rows = tuple(rows)
        self.notes = tuple(notes)
        self.n_samples = n_samples
        self.n_labelled = n_labelled

    @overload
    def __getitem__(self, index: int) -> TaskRank: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TaskRank]: ...
    def __getitem__(self, index: int | slice) -> TaskRank | Sequence[TaskRank]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks, the most promising first."""
        return tuple(row.task for row in self._rows)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The notes, then all warnings of all tasks."""
        return (*self.notes, *(warning for row in self._rows for warning in row.warnings))

    def __rich__(self) -> RenderableType:
        require("rich", extra="audit")
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = rich_table(_rows(self), ("task", "with"), show_edge=False, padding=(0, 1, 0, 0))
        said = Table.grid(padding=(0, 1))
        for warning in self.warnings:
            said.add_row("•", Text(warning))
        title, closing = Text(_title(self), style="bold"), Text(_CLOSING, style="italic")
        return Group(title, "", table, "", legend_grid(_legend(self)), "", said, closing)

    def __repr__(self) -> str:
        return plain_text(self.__rich__())

    def _repr_html_(self) -> str:
        return html_table(_rows(self), _title(self), [*self.warnings, _CLOSING], _legend(self))

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row for each task, in order of promise.

        Returns
        -------
        pandas.DataFrame
            With the fields of `TaskRank` as columns; warnings are joined to one string.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        pandas = require("pandas", extra="audit")
        return pandas.DataFrame(values_of(self), columns=FIELDS)


FIELDS = [field.name for field in fields(TaskRank)]


def values_of(ranking: Ranking) -> list[dict[str, Any]]:
    """Return the fields of each row, warnings joined to one string."""
    return [{**asdict(row), "warnings": " ".join(row.warnings)} for row in ranking]


TRIVIAL = REDUNDANT = 0.9
FROM_LABEL = 0.95
_IRRELEVANT = 0.05
_UNEVEN = 0.2
_MANY = 0.5


def warnings_of(row: TaskRank, *, varies: bool, unlabelled: bool) -> tuple[str, ...]:
    if row.missing == 1:
        return (f"{row.task}: missing for all samples; there is nothing to learn.",)
    if not varies:
        return (f"{row.task}: the same for all samples; there is nothing to learn.",)
    said = {
        f"{_percent(row.missing)} of it is missing.": row.missing > _MANY,
        f"{_percent(row.triviality)} of it is a linear function of the input; a deep trunk has little to learn from "
        "it.": row.triviality >= TRIVIAL,
        f"{_percent(row.from_label)} of it follows from the main label; it teaches the trunk no more than the main "
        "task does.": row.from_label >= FROM_LABEL,
        f"{_percent(row.redundancy)} of it is a linear function of {row.redundant_with}; it adds little to that "
        "task.": row.redundancy >= REDUNDANT,
        f"from it, a linear model predicts the main label no better than a guess (skill {row.relevance:.2f}).".replace(
            "-0.00", "0.00"
        ): row.relevance < _IRRELEVANT,
        "its relevance is unknown: too few labelled samples have a value of it, or all have the same value.": (
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


_COLUMNS = {
    "promise": ("promise", "the relevance that neither the input nor a task above explains; tasks are ordered by it"),
    "relevance": ("relevance", "how well the target predicts the main label: 0 like a guess, 1 without error"),
    "redundant": ("redundancy", "the share that the task under 'with' explains; near 1, one of the two is enough"),
    "with": ("redundant_with", ""),
    "trivial": ("triviality", "the share that the input explains; near 1, the network has little to learn from it"),
    "by label": ("from_label", "the share that the main label explains; near 1, the target repeats the label"),
    "entropy": ("entropy", "how evenly the classes of the target occur: 0 a single one, 1 all alike"),
    "missing": ("missing", "the share of missing values"),
}
"""By heading, the fields that are shown, and what they are."""
_CLOSING = "A screen by linear models, not the verdict: audit() trains the model with each task and compares."


def _title(ranking: Ranking) -> str:
    return f"Auxiliary tasks by promise, {ranking.n_samples} samples, {ranking.n_labelled} labelled"


def _shown(ranking: Ranking) -> dict[str, tuple[str, str]]:
    return {heading: column for heading, column in _COLUMNS.items() if _says_something(ranking, column[0])}


def _legend(ranking: Ranking) -> dict[str, str]:
    return {heading: meaning for heading, (_, meaning) in _shown(ranking).items() if meaning}


def _rows(ranking: Ranking) -> list[tuple[str, ...]]:
    """Return the headings, then a row for each task."""
    columns = _shown(ranking)
    values = ((row.task, *(getattr(row, field) for field, _ in columns.values())) for row in ranking)
    rows = [tuple(value if isinstance(value, str) else _number(value) for value in row) for row in values]
    return [("task", *columns), *rows]


def _says_something(ranking: Ranking, field: str) -> bool:
    """Leave out what is the same for nearly all data: entropies where no target is a class, and missing values."""
    if field == "missing":
        return any(row.missing > 0 for row in ranking)
    return field != "entropy" or not all(isnan(row.entropy) for row in ranking)


def _number(value: float) -> str:
    # Rounding to hundredths must not leave a minus before a zero.
    return "–" if isnan(value) else f"{round(value, 2) + 0.0:.2f}"
