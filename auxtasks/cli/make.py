"""``auxtasks make``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from auxtasks.cli.options import OUTPUT, Domain, Given, Input, Options, Overwrite, Tasks
from auxtasks.cli.output import check_new
from auxtasks.cli.targets import Wanted

HELP = (
    "Compute auxiliary targets of samples and save them.\n\n"
    "Prints a table of the targets: their kind, shape, chance (the loss of the best constant guess), share of missing "
    "values, and the columns left out because they are constant or copies. The folder holds the arrays, the inputs to "
    "train on and the scaling; auxtasks.load_targets reads it.\n\n"
    "Example: auxtasks make signals.npz --domain signal --task std --task 'fft:{\"n_coefficients\": 50}' "
    "--output targets"
)


def make(
    input_: Input,
    domain: Domain,
    output: Annotated[
        Path,
        typer.Option(metavar="DIR", help="The folder to be made.", show_default=False, rich_help_panel=OUTPUT),
    ],
    task: Tasks = None,
    option: Options = None,
    given: Given = None,
    overwrite: Overwrite = False,
) -> None:
    """Make targets; the help of the command says more."""
    from auxtasks.targets.storage import DESCRIPTION

    wanted = Wanted(domain, task, option, given)
    check_new(output, overwrite=overwrite, marker=DESCRIPTION)
    targets = wanted.make(wanted.read(input_))
    targets.save(output, overwrite=overwrite)
    console = Console(highlight=False, soft_wrap=True)
    console.print(repr(targets), markup=False)
    console.print(f"\nTargets: {output}", markup=False)
