"""``auxtasks audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from auxtasks.cli.data import Data, check_file, check_report, numbered, read_labels
from auxtasks.cli.make import Wanted
from auxtasks.cli.model_function import ModelFunction, errors_of_training
from auxtasks.cli.options import (
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
    NoControls,
    OptionalDomain,
    Options,
    Overwrite,
    Report,
    Results,
    Seeds,
    Targets,
    Tasks,
    Weights,
)
from auxtasks.cli.terminal import interruptible, shows_progress
from auxtasks.errors import InvalidInputError
from auxtasks.optional import require
from auxtasks.typing import Array

HELP = (
    "Train a model of yours with and without auxiliary tasks, and say whether they help.\n\n"
    "For each seed these start from the same weights and see the same batches: the model as it is, with each task, "
    "with all together, and with targets shuffled across samples, which tells what a task says from mere "
    "regularisation. Prints the verdicts with 95 % intervals and writes a page with figures.\n\n"
    "An .npz file may hold X_test and y_test beside X and y, and groups, such as persons, which are never on both "
    "sides of a split. Without a test set each seed holds out a quarter of the labelled samples. Classes may have "
    "names; they are numbered in the order of these.\n\n"
    "Where some samples have no label, --task soft_labels audits what a teacher says of them: each split has a teacher "
    "of its own, which is shown the labels of the training part alone.\n\n"
    "This runs the code of the file or module that MODEL names.\n\n"
    "Example: auxtasks audit model.py:build signals.npz --domain signal --seeds 10 --epochs 20 --results runs.jsonl"
)


def audit(
    model: Model,
    input_: Input,
    labels: Labels = "y",
    domain: OptionalDomain = None,
    task: Tasks = None,
    option: Options = None,
    label_columns: LabelColumns = None,
    image_size: ImageSize = None,
    targets: Targets = None,
    seeds: Seeds = 10,
    epochs: Epochs = 10,
    batch_size: BatchSize = 32,
    weight: Weights = None,
    cv: Folds = None,
    no_controls: NoControls = False,
    jobs: Jobs = 1,
    metric: Metrics = None,
    margin: Margin = 0.0,
    results: Results = None,
    output: Report = Path("auxtasks_audit"),
    overwrite: Overwrite = False,
) -> None:
    """Audit tasks; the help of the command says more."""
    from auxtasks.audit import audit as run
    from auxtasks.audit.report.storage import FILES, PAGE

    wanted = Wanted(domain, task, option, label_columns, targets, image_size)
    check_report(output, FILES, overwrite=overwrite)
    check_file(results, "--results")
    require("matplotlib", extra="audit")
    data = wanted.read(input_)
    y, test, classes = labelled(data, labels)
    build_model = ModelFunction(model)
    with interruptible(lambda: kept(results)), errors_of_training():
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
            progress=shows_progress(),
        )
    console = Console(highlight=False)
    try:
        # Before anything is printed: a reader that closes the pipe ends the command.
        with interruptible(lambda: kept(results)):
            report.save(output, overwrite=overwrite)
    finally:
        if classes:
            named = ", ".join(f"{n} {name}" for n, name in enumerate(classes))
            console.print(f"Classes: {named}\n", markup=False)
        console.print(report)
    console.print(f"\nReport: {output / PAGE}", markup=False, soft_wrap=True)


def kept(results: Path | None) -> str:
    """Say what an interrupted command leaves."""
    if results is None:
        return "No run is kept; with --results the same call would go on where it was interrupted."
    return f"Finished runs are kept in {results}; make the same call again to go on."


def labelled(data: Data, source: str) -> tuple[Array, tuple[Any, Array] | None, tuple[str, ...]]:
    """Return the main labels, the test set of an .npz file if it holds one, and the names of classes."""
    y = read_labels(source, data)
    found = [name for name in ("X_test", "y_test") if name in data.others]
    if len(found) == 1:
        raise InvalidInputError(f"`INPUT`: {data.path} holds {found[0]!r} alone; a test set is X_test and y_test.")
    if not found:
        (y,), classes = numbered(y)
        return y, None, classes
    (y, y_test), classes = numbered(y, data.read("y_test"))
    return y, (data.read("X_test"), y_test), classes
