"""The registered tasks as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from auxtasks.registry import Extractor

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def task_table(domain: str, tasks: Iterable[Extractor]) -> Table:
    """Lay out tasks, one row each.

    Parameters
    ----------
    domain : str
        The heading.
    tasks : iterable of Extractor
        What to list.

    Returns
    -------
    rich.table.Table
        Name (with a star for a default) and kind on the left; summary, options and source on the right, so that it
        can be read in a narrow terminal too.
    """
    from rich import box
    from rich.table import Table

    table = Table(
        title=f"domain {domain!r}", box=box.SIMPLE_HEAD, title_style="bold", title_justify="left", show_header=False
    )
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for index, task in enumerate(tasks):
        if index:
            table.add_row()
        table.add_row(_name(task, task.default and task.domain == domain), _description(task))
    return table


def _name(task: Extractor, starred: bool) -> Text:
    from rich.text import Text

    star = "*" if starred else ""
    return Text.assemble((task.name, "bold cyan"), star, "\n", (task.kind or "as the inputs", "dim"))


def _description(task: Extractor) -> Text:
    from rich.text import Text

    text = Text(task.summary)
    if task.options:
        text.append("\noptions: " + ", ".join(f"{name}={value!r}" for name, value in task.options.items()))
    if task.graph is not None:
        text.append("\nalso on the fly, in the training step")
    text.append(f"\nsource: {task.source}", style="dim")
    return text
