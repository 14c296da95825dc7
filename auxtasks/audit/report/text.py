"""Reports in a console."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from auxtasks.audit.report.content import Content
from auxtasks.audit.report.tables import Table as Values
from auxtasks.audit.report.tables import findings_table
from auxtasks.audit.report.teacher import teacher_sentence, teacher_table
from auxtasks.audit.report.words import arm_name, conclusion, heading, legend
from auxtasks.optional import legend_grid, plain_text, require

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group, RenderResult
    from rich.table import Table

_WIDEST_TASK = 28
_STYLES = {"helps": "bold green", "no effect": "", "unclear": "yellow", "hurts": "bold red"}


def as_renderable(content: Content) -> Group:
    """Return what rich prints: heading, table, reasons and what follows."""
    require("rich", extra="audit")
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    reasons = Table.grid(padding=(0, 2, 0, 0))
    reasons.add_column(overflow="fold", max_width=_WIDEST_TASK)
    for finding in content.findings:
        reasons.add_row(Text(arm_name(content, finding.arm)), Text(finding.reason))
    empty = Text("")
    taught = teacher_table(content)
    of_teacher: list[Any] = [] if taught is None else [_plain(taught), empty, Text(teacher_sentence(content)), empty]
    return Group(
        Text(heading(content), style="bold"), empty,
        _Findings(content), empty,
        legend_grid(legend(content)), empty,
        reasons, empty,
        *of_teacher,
        Text(conclusion(content), style="bold"),
    )  # fmt: skip


def as_text(content: Content) -> str:
    """Return the same as plain text, without the table where rich is not installed."""
    # What shows an object must not fail for want of an optional dependency.
    if find_spec("rich") is None:
        rows = zip(findings_table(content).rows, content.findings, strict=True)
        reasons = [f"{task}: {verdict}, {gain}. {finding.reason}" for (task, verdict, gain, *_), finding in rows]
        taught = teacher_table(content)
        of_teacher = [] if taught is None else [*map(" ".join, taught.rows), teacher_sentence(content)]
        return "\n".join([heading(content), *reasons, *of_teacher, conclusion(content)])
    return plain_text(as_renderable(content))


def _plain(content: Values) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for at, name in enumerate(content.columns):
        table.add_column(name, justify="right" if at else "left", overflow="fold")
    for row in content.rows:
        table.add_row(*map(Text, row))
    return table


class _Findings:
    """The table, laid out for the width it is printed at."""

    def __init__(self, content: Content) -> None:
        self.columns, self.rows = findings_table(content)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        widths[0] = min(widths[0], _WIDEST_TASK)
        room, gaps = options.max_width - sum(widths), len(widths) - 1
        # The box itself leaves one column between cells.
        yield self._table(padding=1 if room >= 2 * gaps else 0, two_lines=room < gaps)

    def _table(self, *, padding: int, two_lines: bool) -> Table:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, padding, 0, 0))
        for at, name in enumerate(self.columns):
            heading = name.replace(" ", "\n") if two_lines else name
            if at == 0:
                table.add_column(heading, overflow="fold", max_width=_WIDEST_TASK)
            else:
                table.add_column(heading, justify="left" if at == 1 else "right", no_wrap=True)
        for task, verdict, difference, *numbers in self.rows:
            interval = difference.replace(" (", "\n(") if two_lines else difference
            # Texts, because a name in square brackets would be taken for markup.
            table.add_row(Text(task), Text(verdict, style=_STYLES[verdict]), *map(Text, (interval, *numbers)))
        return table
