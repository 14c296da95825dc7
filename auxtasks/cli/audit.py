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
