"""The command and what it consists of, one file a part."""

from __future__ import annotations

from typing import Annotated

import typer

from auxtasks._version import __version__
from auxtasks.cli import audit, demo, listing, make, rank

app = typer.Typer(
    help="Auxiliary targets for Keras models: labels nobody had to write.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Auxiliary targets for Keras models: labels nobody had to write."""
    del version  # its callback has done the work


# In the order in which one needs them.
app.command(help=demo.HELP)(demo.demo)
app.command("list")(listing.list_)
app.command(help=make.HELP)(make.make)
app.command(help=rank.HELP)(rank.rank)
app.command(help=audit.HELP)(audit.audit)
