"""``auxtasks select``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from auxtasks.cli.audit import kept
from auxtasks.cli.data import numbered, read_labels
from auxtasks.cli.make import Wanted
from auxtasks.cli.model_function import ModelFunction, errors_of_training
from auxtasks.cli.options import (
    OUTPUT,
    RUNS,
    BatchSize,
    Epochs,
    Folds,
    ImageSize,
    Input,
    Jobs,
    LabelColumns,
    Labels,
    Margin,
    Metrics,
    Model,
    OptionalDomain,
    Options,
    Seeds,
    Targets,
    Tasks,
)
from auxtasks.cli.terminal import interruptible, shows_progress

HELP = (
    "Choose auxiliary tasks for your model by training it; none is a possible choice.\n\nTries the tasks one by one "
    "and adds the best as long as one gains. Then tries other weights, depths and a warm-up of the weight. The best "
    "candidate must then gain on seeds that the search did not use. Prints the candidates, with 95 % intervals, and "
    "the choice. Keep the test set back: X_test of an .npz file is not used.\n\nThis runs the code of the file or "
    "module that MODEL names.\n\nExample: auxtasks select model.py:build signals.npz --domain signal --task std "
    "--task fft --results runs"
)


def select(
    model: Model,
    input_: Input,
    labels: Labels = "y",
    domain: OptionalDomain = None,
    task: Tasks = None,
    option: Options = None,
    label_columns: LabelColumns = None,
    image_size: ImageSize = None,
    targets: Targets = None,
    seeds: Seeds = 5,
    confirm: Annotated[
        int,
        typer.Option(
            min=2,
            metavar="N",
            help="Number of further seeds on which the best candidate must pass.",
            rich_help_panel=RUNS,
        ),
    ] = 10,
    epochs: Epochs = 10,
    batch_size: BatchSize = 32,
    max_tasks: Annotated[
        int, typer.Option(min=1, metavar="N", help="Maximum number of tasks to choose.", rich_help_panel=RUNS)
    ] = 3,
    cv: Folds = None,
    jobs: Jobs = 1,
    metric: Metrics = None,
    margin: Margin = 0.0,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep finished runs in this folder; the same call resumes where it was interrupted.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
) -> None:
    """Choose tasks; the help of the command says more."""
    from auxtasks.audit import select_tasks

    wanted = Wanted(domain, task, option, label_columns, targets, image_size)
    data = wanted.read(input_)
    (y,), _ = numbered(read_labels(labels, data))
    build_model = ModelFunction(model)
    with interruptible(lambda: kept(results)), errors_of_training():
        selection = select_tasks(
            build_model,
            data.X,
            y,
            wanted.make(data, y if wanted.has_soft_labels else None),
            cv=cv,
            groups=data.groups,
            seeds=seeds,
            confirm=confirm,
            epochs=epochs,
            batch_size=batch_size,
            max_tasks=max_tasks,
            metrics=metric or None,
            margin=margin,
            results=results,
            n_jobs=jobs,
            progress=shows_progress(),
        )
    Console(highlight=False).print(selection)
