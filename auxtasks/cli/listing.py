"""``auxtasks list``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from auxtasks.cli.tasktable import task_table
from auxtasks.registry import DOMAINS, tasks_of


def list_(
    domain: Annotated[
        str | None,
        typer.Option(help=f"Only the tasks usable in this domain: {', '.join(DOMAINS)}.", show_default="all"),
    ] = None,
) -> None:
    """List the tasks: name, kind, what each computes, its options and where it comes from."""
    console = Console()
    for name in DOMAINS if domain is None else [domain]:
        own = [task for task in tasks_of(name).values() if domain is not None or task.domain == name]
        console.print(task_table(name, own))
    console.print("* among the defaults of its domain", highlight=False)
