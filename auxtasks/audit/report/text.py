"""Reports in a console."""

from __future__ import annotations

from importlib.util import find_spec
from io import StringIO
from typing import TYPE_CHECKING

from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.report.words import LEGEND, LEGEND_CONTROLS, arm_name, columns, conclusion, heading, rows
from auxtasks.optional import require

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group, RenderResult
    from rich.table import Table


WIDTH, WIDEST_TASK = 100, 28
_STYLES = {"helps": "bold green", "no effect": "", "hurts": "bold red"}


def as_renderable(report: AuditReport) -> Group:
    """Return what rich prints: heading, table, reasons and what follows."""
    require("rich", extra="cli")
    from rich.console import Group
    from rich.text import Text

    controls = LEGEND_CONTROLS if any(finding.control for finding in report.findings) else ""
    return Group(
        Text(heading(report), style="bold"),
        Text(""),
        _Findings(report),
        Text(""),
        Text(controls + LEGEND, style="dim"),
        Text(""),
        _reasons(report),
        Text(""),
        Text(conclusion(report), style="bold"),
    )


def as_text(report: AuditReport) -> str:
    """Return the same as plain text, without the table where rich is not installed."""
    # What shows an object must not fail for want of an optional dependency.
    if find_spec("rich") is None:
        reasons = [
            f"{row.task}: {row.verdict}, {row.difference}. {finding.because}"
            for row, finding in zip(rows(report), report.findings, strict=True)
        ]
        return "\n".join([heading(report), *reasons, conclusion(report)])
    from rich.console import Console

    # Everything is said outright, because rich looks at the environment for the rest.
    console = Console(
        file=StringIO(), width=WIDTH, color_system=None, force_terminal=False, force_jupyter=False, legacy_windows=False
    )
    with console.capture() as captured:
        console.print(as_renderable(report), emoji=False, highlight=False, markup=False)
    return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())


class _Findings:
    """The table, laid out for the width it is printed at."""

    def __init__(self, report: AuditReport) -> None:
        self.cells = [columns(report), *rows(report)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = [max(map(len, column)) for column in zip(*self.cells, strict=True)]
        widths[0] = min(widths[0], WIDEST_TASK)
        room = options.max_width - sum(widths)
        gaps = len(widths) - 1
        # The box itself leaves one column between cells.
        yield self._table(padding=1 if room >= 2 * gaps else 0, two_lines=room < gaps)

    def _table(self, *, padding: int, two_lines: bool) -> Table:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, padding, 0, 0))
        (task, verdict, difference, *others), *cells = self.cells
        table.add_column(task, overflow="fold", max_width=WIDEST_TASK)
        table.add_column(verdict, no_wrap=True)
        table.add_column(difference.replace(", ", ",\n") if two_lines else difference, justify="right", no_wrap=True)
        for name in others:
            table.add_column(name, justify="right", no_wrap=True)
        for task, verdict, difference, *numbers in cells:
            interval = difference.replace(" (", "\n(") if two_lines else difference
            # Texts, because a name in square brackets would be taken for markup.
            table.add_row(Text(task), Text(verdict, style=_STYLES[verdict]), *map(Text, (interval, *numbers)))
        return table


def _reasons(report: AuditReport) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(overflow="fold", max_width=28)
    grid.add_column()
    for finding in report.findings:
        grid.add_row(Text(arm_name(report, finding.arm)), Text(finding.because))
    return grid
