"""What a screen says of each auxiliary task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, overload

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

    Notes
    -----
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
        """Return the row of a place, or those of a slice."""
        return self._rows[index]

    def __iter__(self) -> Iterator[TaskRank]:
        """Go through the rows, the most promising first."""
        return iter(self._rows)

    def __len__(self) -> int:
        """Count the tasks."""
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
        """Lay the ranking out for a console of rich."""
        from auxtasks.audit.screen.table import ranking_table

        return ranking_table(self)

    def __repr__(self) -> str:
        """Show the table as text."""
        from auxtasks.audit.screen.table import as_text

        return as_text(self.__rich__())

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
        fields = list(TaskRank.__dataclass_fields__)
        rows = [{**asdict(row), "warnings": " ".join(row.warnings)} for row in self._rows]
        return pandas.DataFrame(rows, columns=fields)
