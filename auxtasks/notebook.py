"""Tables as text, for a console of rich, and as HTML for a notebook, whose page may be light or dark and narrow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_LEFT = "text-align:left;vertical-align:top"
"""Of each cell: notebooks set the cells of a table to the right, so that a style of the table changes nothing."""
_QUIET = "margin:.5em 0;font-size:.9em;opacity:.75"
"""Of what explains a table; a share of the page's own colour can be read on light and dark pages alike."""


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out, the first of them the headings."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def rich_table(rows: Sequence[Sequence[str]], left: Collection[str], **look: Any) -> Table:
    """Lay rows out for a console, the first of them the headings; those that are `left` may be broken into lines."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, **look)
    headings, *body = rows
    for heading in headings:
        is_left = heading in left
        table.add_column(heading, justify="left" if is_left else "right", overflow="fold", no_wrap=not is_left)
    for row in body:
        # Texts, because a name in square brackets would be taken for markup.
        table.add_row(*map(Text, row))
    return table


def legend_grid(legend: Mapping[str, str]) -> RenderableType:
    """Explain terms of a table below it, a line each."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    for term, meaning in legend.items():
        grid.add_row(Text(term, style="dim"), Text(meaning, style="dim"))
    return grid


def plain_text(renderable: RenderableType, width: int = 100) -> str:
    """Render something of rich as text without colours."""
    from rich.console import Console

    text = StringIO()
    # Everything is said outright, because rich looks at the environment for the rest.
    options: dict[str, Any] = {"color_system": None, "force_terminal": False, "force_jupyter": False}
    Console(file=text, width=width, legacy_windows=False, **options).print(renderable)
    return "\n".join(line.rstrip() for line in text.getvalue().rstrip().splitlines())


def html_table(
    rows: Sequence[Sequence[str]],
    title: str = "",
    notes: Sequence[str] = (),
    legend: Mapping[str, str] | None = None,
) -> str:
    """Lay rows out, the first of them the headings; colours are those of the page, and a wide table scrolls.

    The legend explains the columns, and notes are paragraphs below. Headings without rows are left out.
    """
    below = "".join(f"<p>{escape(note)}</p>" for note in notes)
    head, *body = rows
    if not body:
        return f"<div>{below}</div>"
    headings = "".join(f'<th scope="col" style="{_LEFT}">{escape(cell)}</th>' for cell in head)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in body)
    table = f'<table style="margin:0"><thead><tr>{headings}</tr></thead><tbody>{lines}</tbody></table>'
    above = f"<p><b>{escape(title)}</b></p>" if title else ""
    return f'<div>{above}<div style="overflow-x:auto">{table}</div>{html_legend(legend or {})}{below}</div>'


def html_legend(legend: Mapping[str, str]) -> str:
    lines = "<br>".join(f"<b>{escape(term)}</b>: {escape(meaning)}" for term, meaning in legend.items())
    return f'<p style="{_QUIET}">{lines}</p>' if lines else ""


def listed(names: Sequence[str], most: int = 3) -> str:
    """Write the first of several names, and how many there are."""
    return "; ".join(names[:most]) + (f"; … ({len(names)} in all)" if names[most:] else "")


def _cell(text: str) -> str:
    return f'<td style="{_LEFT}">{escape(text)}</td>'
