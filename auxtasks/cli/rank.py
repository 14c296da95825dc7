"""``auxtasks rank``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from auxtasks.cli.data import check_new, numbered, read_labels
from auxtasks.cli.make import Wanted
from auxtasks.cli.options import (
    OUTPUT,
    ImageSize,
    LabelColumns,
    Labels,
    OptionalDomain,
    OptionalInput,
    Options,
    Overwrite,
    Targets,
    Tasks,
)
from auxtasks.cli.terminal import interruptible

if TYPE_CHECKING:
    from auxtasks.audit.screen import Ranking

HELP = (
    "Rank auxiliary tasks by what linear models find in them. Takes seconds.\n\nPrints for each task how well its "
    "target predicts the main label (relevance), how much of it another task's target (redundancy) or the input "
    "(triviality) explains, and any objections. This is a screen for what to try first; auxtasks audit measures "
    "whether a task helps. Soft labels are left out, because they are computed from the main label.\n\nExample: "
    "auxtasks rank signals.npz --labels y --domain signal --task std --task fft"
)


def rank(
    input_: OptionalInput = None,
    labels: Labels = "y",
    domain: OptionalDomain = None,
    task: Tasks = None,
    option: Options = None,
    label_columns: LabelColumns = None,
    image_size: ImageSize = None,
    targets: Targets = None,
    max_samples: Annotated[
        int, typer.Option(min=10, metavar="N", help="Number of samples to draw at random, and of labelled samples.")
    ] = 2000,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the draw.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Write the numbers to this file.", rich_help_panel=OUTPUT),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Rank tasks; the help of the command says more."""
    from auxtasks.audit.screen import rank_tasks

    if input_ is None and targets is None:
        raise typer.BadParameter("pass the samples, or --targets DIR.", param_hint="INPUT")
    wanted = Wanted(domain, task, option, label_columns, targets, image_size)
    wanted.refuse_soft_labels("are computed from the main label and not ranked; leave them out.")
    if output is not None:
        check_new(output, overwrite=overwrite)
    data = None if input_ is None else wanted.read(input_)
    (y,), _ = numbered(read_labels(labels, data))
    with interruptible():
        ranking = rank_tasks(wanted.make(data), y, max_samples=max_samples, seed=seed)
        if output is not None:
            write_csv(ranking, output)
    console = Console(highlight=False)
    console.print(ranking)
    if output is not None:
        console.print(f"\nTable: {output}", markup=False, soft_wrap=True)


def write_csv(ranking: Ranking, path: Path) -> None:
    """Write a ranking as ``to_frame().to_csv`` would, which needs pandas."""
    import csv
    import io
    from dataclasses import asdict, fields

    from auxtasks.audit.screen import TaskRank
    from auxtasks.files import write_whole

    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(TaskRank)])
    for row in ranking:
        values = {**asdict(row), "warnings": " ".join(row.warnings)}.values()
        writer.writerow(["" if value != value else value for value in values])
    write_whole(path, text.getvalue())
