"""Options of ``auxtasks audit`` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from auxtasks.cli.options import OUTPUT

_RUNS, _VERDICT = "Runs", "Verdict"

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A function without arguments that returns a new compiled Keras model: path/to/file.py:function or "
        "package.module:function.",
        show_default=False,
    ),
]
Seeds = Annotated[
    int, typer.Option(min=2, metavar="N", help="Pairs of runs; more narrow the intervals.", rich_help_panel=_RUNS)
]
Epochs = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="How often each sample is seen in a run; all take as many steps.",
        rich_help_panel=_RUNS,
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, metavar="N", help="Samples a step.", rich_help_panel=_RUNS)]
Weights = Annotated[
    list[float] | None,
    typer.Option(
        metavar="W",
        help="Weight of the auxiliary losses. Repeated, each is tried, and each counts as a further comparison.",
        show_default="by how many samples have no label",
        rich_help_panel=_RUNS,
    ),
]
Folds = Annotated[
    int | None,
    typer.Option(min=2, metavar="N", help="Folds for each seed, where there is no test set.", rich_help_panel=_RUNS),
]
NoControls = Annotated[
    bool,
    typer.Option(
        "--no-controls",
        help="Leave out the runs with shuffled targets, in half the time. A task that merely regularises then looks "
        "like one that helps.",
        rich_help_panel=_RUNS,
    ),
]
Jobs = Annotated[
    int,
    typer.Option(min=-1, metavar="N", help="Runs at a time, in processes; -1: one a processor.", rich_help_panel=_RUNS),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A metric of the main task, such as balanced_accuracy. May be repeated; the first is judged by.",
        show_default="accuracy for classes, rmse for numbers, and more",
        rich_help_panel=_VERDICT,
    ),
]
Margin = Annotated[
    float,
    typer.Option(
        min=0.0,
        metavar="D",
        help="The difference that matters to you, in units of the metric: 0.01 is a point of accuracy. Set it before "
        "you look at results.",
        rich_help_panel=_VERDICT,
    ),
]
Results = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Keep finished runs in this file (JSON lines); the same call goes on where it was interrupted, and may "
        "then have more seeds, tasks or weights.",
        rich_help_panel=OUTPUT,
    ),
]
Report = Annotated[
    Path,
    typer.Option(metavar="DIR", help="The folder of the report: page, figures and data.", rich_help_panel=OUTPUT),
]
