"""How tables are shown in a notebook: light or dark, and no wider than the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType


def html_table(rows: Sequence[Sequence[str]], title: str = "", notes: Sequence[str] = ()) -> str:
    """Lay rows out, the first of them the headings; colours are those of the page."""
    head, *body = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    head = head.replace("td>", "th>")
    lines = "".join(f"<tr>{cells}</tr>" for cells in body)
    above = f"<p>{escape(title)}</p>" if title else ""
    below = "".join(f"<p>{escape(note)}</p>" for note in notes)
    table = f'<table style="text-align:left"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'
    return f'<div style="overflow-x:auto">{above}{table}{below}</div>'


def as_html(renderable: RenderableType, width: int = 100) -> str:
    """Render something of rich with its colours; plain text has the colour of the page."""
    from rich.console import Console

    # Everything is said outright, because rich looks at the environment for the rest.
    options: dict[str, Any] = {"color_system": "truecolor", "force_terminal": True, "force_jupyter": False}
    console = Console(file=StringIO(), width=width, record=True, legacy_windows=False, **options)
    console.print(renderable)
    layout = '<pre style="line-height:1.25;white-space:pre;overflow-x:auto">{code}</pre>'
    return console.export_html(inline_styles=True, code_format=layout)
