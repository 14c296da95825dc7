"""``auxtasks rank``, ``auxtasks select`` and ``auxtasks audit``: which tasks help."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from auxtasks.cli import options
from auxtasks.cli.data import Data, check_file, check_new, check_report, numbered, read_labels
from auxtasks.cli.make import Wanted
from auxtasks.cli.model_function import ModelFunction, errors_of_training
from auxtasks.errors import InvalidInputError
from auxtasks.optional import require
from auxtasks.typing import Array

if TYPE_CHECKING:
    from auxtasks.audit.screen import Ranking

RANK_HELP = (
    "Rank auxiliary tasks by what linear models find in them. Takes seconds.\n\nPrints for each task how well its "
    "target predicts the main label (relevance), how much of it another task's target (redundancy) or the input "
    "(triviality) explains, and any objections. This is a screen for what to try first; auxtasks audit measures "
    "whether a task helps. Soft labels are left out, because they are computed from the main label.\n\nExample: "
    "auxtasks rank signals.npz --labels y --domain signal --task std --task fft"
)


def rank(
    input_: options.OptionalInput = None,
    labels: options.Labels = "y",
    domain: options.OptionalDomain = None,
    task: options.Tasks = None,
    option: options.Options = None,
    label_columns: options.LabelColumns = None,
    image_size: options.ImageSize = None,
    targets: options.Targets = None,
    max_samples: Annotated[
        int, typer.Option(min=10, metavar="N", help="Number of samples to draw at random, and of labelled samples.")
    ] = 2000,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the draw.")] = 0,
    output: Annotated[
        Path | None, options.of_output(metavar="FILE.csv", help="Write the numbers to this file.")
    ] = None,
    overwrite: options.Overwrite = False,
) -> None:
    from auxtasks.audit.screen import rank_tasks

    if input_ is None and targets is None:
        raise typer.BadParameter("pass the samples, or --targets DIR.", param_hint="INPUT")
    wanted = Wanted(domain, task, option, label_columns, targets, image_size)
    wanted.refuse_soft_labels("are computed from the main label and not ranked; leave them out.")
    if output is not None:
        check_new(output, overwrite=overwrite)
    data = None if input_ is None else wanted.read(input_)
    (y,), _ = numbered(read_labels(labels, data))
    with options.interruptible():
        ranking = rank_tasks(wanted.make(data), y, max_samples=max_samples, seed=seed)
        if output is not None:
            write_csv(ranking, output)
    console = Console(highlight=False)
    console.print(ranking)
    if output is not None:
        console.print(f"\nTable: {output}", markup=False, soft_wrap=True)


def write_csv(ranking: Ranking, path: Path) -> None:
    """Write a ranking as ``to_frame().to_csv`` would, which needs pandas."""
    from auxtasks.audit.screen.ranking import FIELDS, values_of
    from auxtasks.files import write_whole

    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    for row in values_of(ranking):
        writer.writerow({field: "" if value != value else value for field, value in row.items()})
    write_whole(path, text.getvalue())


SELECT_HELP = (
    "Choose auxiliary tasks for your model by training it; none is a possible choice.\n\nTries the tasks one by one "
    "and adds the best as long as one gains. Then tries other weights, depths and a warm-up of the weight. The best "
    "candidate must then gain on seeds that the search did not use. Prints the candidates, with 95 % intervals, and "
    "the choice. Keep the test set back: X_test of an .npz file is not used.\n\nThis runs the code of the file or "
    "module that MODEL names.\n\nExample: auxtasks select model.py:build signals.npz --domain signal --task std "
    "--task fft --results runs"
)


def select(
    model: options.Model,
    input_: options.Input,
    labels: options.Labels = "y",
    domain: options.OptionalDomain = None,
    task: options.Tasks = None,
    option: options.Options = None,
    label_columns: options.LabelColumns = None,
    image_size: options.ImageSize = None,
    targets: options.Targets = None,
    seeds: options.Seeds = 5,
    confirm: Annotated[
        int, options.of_runs(min=2, metavar="N", help="Number of further seeds on which the best candidate must pass.")
    ] = 10,
    epochs: options.Epochs = 10,
    batch_size: options.BatchSize = 32,
    max_tasks: Annotated[int, options.of_runs(min=1, metavar="N", help="Maximum number of tasks to choose.")] = 3,
    cv: options.Folds = None,
    jobs: options.Jobs = 1,
    metric: options.Metrics = None,
    margin: options.Margin = 0.0,
    results: Annotated[
        Path | None,
        options.of_output(
            metavar="DIR",
            help="Keep finished runs in this folder; the same call resumes where it was interrupted.",
        ),
    ] = None,
) -> None:
    from auxtasks.audit import select_tasks

    wanted = Wanted(domain, task, option, label_columns, targets, image_size)
    data = wanted.read(input_)
    (y,), _ = numbered(read_labels(labels, data))
    build_model = ModelFunction(model)
    with options.interruptible(kept(results)), errors_of_training():
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
            progress=options.shows_progress(),
        )
    Console(highlight=False).print(selection)


AUDIT_HELP = (
    "Train your model with and without auxiliary tasks, and report whether they help.\n\nFor each seed, these runs "
    "start from the same weights and see the same batches: the model alone, with each task, with all tasks together, "
    "and with targets shuffled across samples, which separates what a task teaches from mere regularisation. Prints "
    "the verdicts with 95 % intervals and writes a page with figures.\n\nAn .npz file may hold X_test and y_test "
    "beside X and y and groups, such as persons; a split never divides a group. Without a test set each seed holds "
    "out a quarter of the labelled samples. Classes may have names; they are numbered in sorted order.\n\nIf some "
    "samples have no label, --task soft_labels audits soft labels for them: each split has its own teacher, trained "
    "on the labels of the training part only.\n\nThis runs the code of the file or module that MODEL "
    "names.\n\nExample: auxtasks audit model.py:build signals.npz --domain signal --seeds 10 --epochs 20 --results "
    "runs.jsonl"
)


def audit(
    model: options.Model,
    input_: options.Input,
    labels: options.Labels = "y",
    domain: options.OptionalDomain = None,
    task: options.Tasks = None,
    option: options.Options = None,
    label_columns: options.LabelColumns = None,
    image_size: options.ImageSize = None,
    targets: options.Targets = None,
    seeds: options.Seeds = 10,
    epochs: options.Epochs = 10,
    batch_size: options.BatchSize = 32,
    weight: options.Weights = None,
    cv: options.Folds = None,
    no_controls: options.NoControls = False,
    jobs: options.Jobs = 1,
    metric: options.Metrics = None,
    margin: options.Margin = 0.0,
    results: options.Results = None,
    output: options.Report = Path("auxtasks_audit"),
    overwrite: options.Overwrite = False,
) -> None:
    from auxtasks.audit import audit as run
    from auxtasks.audit.report.report import FILES, PAGE

    wanted = Wanted(domain, task, option, label_columns, targets, image_size)
    check_report(output, FILES, overwrite=overwrite)
    check_file(results, "--results")
    require("matplotlib", extra="audit")
    data = wanted.read(input_)
    y, test, classes = labelled(data, labels)
    build_model = ModelFunction(model)
    with options.interruptible(kept(results)), errors_of_training():
        report = run(
            build_model,
            data.X,
            y,
            wanted.make(data, y if wanted.has_soft_labels else None),
            test=test,
            cv=cv,
            groups=data.groups,
            seeds=seeds,
            epochs=epochs,
            batch_size=batch_size,
            weights=tuple(weight) if weight else "auto",
            metrics=metric or None,
            margin=margin,
            controls=not no_controls,
            results=results,
            n_jobs=jobs,
            progress=options.shows_progress(),
        )
    console = Console(highlight=False)
    try:
        # Before anything is printed: a reader that closes the pipe ends the command.
        with options.interruptible(kept(results)):
            report.save(output, overwrite=overwrite)
    finally:
        if classes:
            named = ", ".join(f"{n} {name}" for n, name in enumerate(classes))
            console.print(f"Classes: {named}\n", markup=False)
        console.print(report)
    console.print(f"\nReport: {output / PAGE}", markup=False, soft_wrap=True)


def kept(results: Path | None) -> str:
    if results is None:
        return "Finished runs were not kept. With --results, the same command resumes where it was interrupted."
    return f"Finished runs are kept in {results}; run the same command again to resume."


def labelled(data: Data, source: str) -> tuple[Array, tuple[Any, Array] | None, tuple[str, ...]]:
    """Return the main labels, the test set of an .npz file if it holds one, and the names of classes."""
    y = read_labels(source, data)
    found = [name for name in ("X_test", "y_test") if name in data.others]
    if len(found) == 1:
        raise InvalidInputError(f"`INPUT`: {data.path} holds {found[0]!r} only; a test set needs X_test and y_test.")
    if not found:
        (y,), classes = numbered(y)
        return y, None, classes
    (y, y_test), classes = numbered(y, data.read("y_test"))
    return y, (data.read("X_test"), y_test), classes
