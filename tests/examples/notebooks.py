"""Run a notebook without Jupyter: its code cells in order, the value of each shown as a notebook shows it."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Cell(NamedTuple):
    """A cell of a notebook."""

    kind: str
    source: str
    tags: tuple[str, ...]
    outputs: list[Any]


def cells_of(path: Path) -> list[Cell]:
    """Read the cells of a notebook of format 4."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    return [
        Cell(
            cell["cell_type"],
            "".join(cell["source"]),
            tuple(cell["metadata"].get("tags", ())),
            cell.get("outputs", []),
        )
        for cell in notebook["cells"]
    ]


def run_notebook(path: Path, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Run the code cells; return the names they define, and what each shows, as HTML or else as text.

    Parameters take the place of those that the cell tagged "parameters" sets, as papermill has it.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for number, cell in enumerate(cells_of(path)):
        if cell.kind == "code":
            shown.append(_shown(_run(cell.source, f"{path.name}, cell {number}", names)))
        if "parameters" in cell.tags:
            assert parameters.keys() <= names.keys()
            names.update(parameters)
    return names, shown


def _run(source: str, where: str, names: dict[str, Any]) -> Any:
    """Run a cell, and return the value of the expression that it ends with, if it is not followed by a semicolon."""
    tree = ast.parse(source, where)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";") else None
    exec(compile(tree, where, "exec"), names)  # noqa: S102
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), where, "eval"), names)  # noqa: S307


def _shown(value: Any) -> str:
    page = getattr(value, "_repr_html_", lambda: None)()
    if hasattr(value, "savefig"):
        value.canvas.draw()
    return str(page) if page is not None else "" if value is None else repr(value)
