"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from auxtasks.cli.parse import option_of, task_of
from auxtasks.registry import DOMAINS

TARGETS, OUTPUT = "Targets", "Output"

_INPUT = (
    "The samples: an .npy file, an .npz file with an array X (or a single one), a folder of images of one size (sorted "
    "by name), or for domain text a UTF-8 file of one text a line."
)
_DOMAIN = f"What the samples are: {', '.join(DOMAINS)}."

Input = Annotated[Path, typer.Argument(metavar="INPUT", help=_INPUT, show_default=False)]
OptionalInput = Annotated[
    Path | None, typer.Argument(metavar="INPUT", help=f"{_INPUT} Not needed with --targets.", show_default=False)
]
Domain = Annotated[str, typer.Option(metavar="NAME", help=_DOMAIN, show_default=False, rich_help_panel=TARGETS)]
OptionalDomain = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help=f"{_DOMAIN} Needed without --targets.", show_default=False, rich_help_panel=TARGETS
    ),
]
Tasks = Annotated[
    list[Any] | None,
    typer.Option(
        "--task",
        metavar="NAME",
        parser=task_of,
        help="A task, with options if need be: --task std --task 'fft:{\"n_coefficients\": 50}'. May be repeated; "
        "auxtasks list shows what there is.",
        show_default="those with a star in auxtasks list",
        rich_help_panel=TARGETS,
    ),
]
Options = Annotated[
    list[Any] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        parser=option_of,
        help="A further argument of make_aux_targets, such as scale=false, or pipeline=en_core_web_sm for texts. "
        "May be repeated.",
        rich_help_panel=TARGETS,
    ),
]
Given = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY",
        help="An array of the .npz file with labels that exist at training time only; it becomes a target beside the "
        "tasks. May be repeated.",
        rich_help_panel=TARGETS,
    ),
]
Targets = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Targets that auxtasks make has saved, instead of making them.",
        rich_help_panel=TARGETS,
    ),
]
Labels = Annotated[
    str,
    typer.Option(
        metavar="KEY|FILE",
        help="The main labels: an array of the .npz file, an .npy file, or a text file of one label a line (empty: "
        "none). There may be fewer than samples; -1 and NaN are missing.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what an earlier call has written there.", rich_help_panel=OUTPUT)
]
