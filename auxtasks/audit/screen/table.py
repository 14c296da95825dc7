"""A ranking of tasks as a table."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from auxtasks.optional import require

if TYPE_CHECKING:
    from rich.console import RenderableType

    from auxtasks.audit.screen.ranking import Ranking

WIDTH = 100
_COLUMNS = {
    "promise": "promise",
    "relevance": "relevance",
    "redundant": "redundancy",
    "with": "redundant_with",
    "trivial": "triviality",
    "by label": "from_label",
    "entropy": "entropy",
    "missing": "missing",
}


def ranking_table(ranking: Ranking) -> RenderableType:
    """Lay a ranking out.

    Parameters
    ----------
    ranking : Ranking
        The tasks in order.

    Returns
    -------
    rich.console.Group
        The table, what speaks against tasks, and what a screen is; at most 100 columns wide.
    """
    require("rich", extra="cli")
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    title = f"Auxiliary tasks by promise, {ranking.n_samples} samples, {ranking.n_labelled} labelled"
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("task", overflow="fold")
    shown = {heading: field for heading, field in _COLUMNS.items() if _says_something(ranking, field)}
    for heading, field in shown.items():
        if field == "redundant_with":
            table.add_column(heading, overflow="fold")
        else:
            table.add_column(heading, justify="right", no_wrap=True)
    for row in ranking:
        values = (getattr(row, field) for field in shown.values())
        table.add_row(Text(row.task), *(Text(value if isinstance(value, str) else _number(value)) for value in values))
    said = Table.grid(padding=(0, 1))
    for warning in ranking.warnings:
        said.add_row("•", Text(warning))
    closing = "A screen of linear models, not the verdict: audit() trains the model with each task and compares."
    return Group(Text(title, style="bold"), "", table, "", said, Text(closing, style="italic"))


def _says_something(ranking: Ranking, field: str) -> bool:
    """Leave out what is the same for nearly all data: entropies where no target is a class, and missing values."""
    if field == "missing":
        return any(row.missing > 0 for row in ranking)
    return field != "entropy" or not all(isnan(row.entropy) for row in ranking)


def as_text(renderable: RenderableType, width: int = WIDTH) -> str:
    """Render something of rich as plain text.

    Parameters
    ----------
    renderable : rich renderable
        What to show.
    width : int
        The number of columns.

    Returns
    -------
    str
        Without colours and without spaces at the ends of lines.

    Examples
    --------
    >>> as_text("[bold]fft[/]")
    'fft'
    """
    from io import StringIO

    from rich.console import Console

    console = Console(width=width, file=StringIO(), color_system=None, force_terminal=False, force_jupyter=False)
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _number(value: float) -> str:
    # Rounding to hundredths must not leave a minus before a zero.
    return "–" if isnan(value) else f"{round(value, 2) + 0.0:.2f}"
