"""What several commands share: their options, and what happens around them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from auxtasks.registry import DOMAINS


def shows_progress() -> bool:
    """Tell whether a progress bar is seen as it moves; in a file each of its states would be a line."""
    return sys.stderr.isatty()


@contextmanager
def interruptible(kept: str = "Nothing was written; run the same command again to start over.") -> Iterator[None]:
    """Say after Ctrl-C what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"\nauxtasks: interrupted. {kept}", file=sys.stderr)
        raise typer.Exit(130) from None


def task_of(text: str) -> str | dict[str, dict[str, Any]]:
    """Read a task, with options or without: ``name:option=value,option=value``, or JSON after the colon."""
    name, colon, options = (part.strip() for part in text.partition(":"))
    if not name:
        raise typer.BadParameter(f"{text!r} names no task.")
    if not colon:
        return name
    return {name: _object_of(name, options) if options.startswith("{") else dict(_options_of(name, options))}


def _object_of(task: str, options: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(options)
    except (json.JSONDecodeError, RecursionError) as error:
        raise typer.BadParameter(f"{options} is not JSON; {error}. {_simpler(task)}") from error
    return found


def _options_of(task: str, options: str) -> Iterator[tuple[str, Any]]:
    # A comma within a value, as of a list, is no end of it.
    for option in re.split(r",(?=\s*\w+\s*=)", options):
        name, equals, value = option.partition("=")
        if not equals or not name.strip().isidentifier():
            raise typer.BadParameter(f"each option of {task!r} must be option=value; got {option!r}. {_simpler(task)}")
        yield name.strip(), value_of(value)


def _simpler(task: str) -> str:
    return f"An example: {task}:option=5,other=true (auxtasks list shows the options)."


def value_of(text: str) -> Any:
    """Read a value: JSON, True, False and None as Python writes them, numbers between commas, or else a text."""
    text = text.strip()
    words = {"True": True, "False": False, "None": None}
    if text in words:
        return words[text]
    numbers = re.fullmatch(r"[-+.\deE]+(\s*,\s*[-+.\deE]+)+", text)
    try:
        return json.loads(f"[{text}]" if numbers else text)
    except (json.JSONDecodeError, RecursionError):
        return text


def option_of(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip().isidentifier():
        raise typer.BadParameter(f"{text!r} must be name=value, such as seed=3.")
    return name.strip(), value_of(value)


def size_of(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,4})[x×,]([1-9]\d{0,4})", text.replace(" ", ""))
    if found is None:
        raise typer.BadParameter(f"{text!r} must be HEIGHTxWIDTH, such as 64x64.")
    return int(found[1]), int(found[2])


of_targets, of_runs, of_verdict, of_output = (
    partial(typer.Option, rich_help_panel=panel) for panel in ("Targets", "Runs", "Verdict", "Output")
)
"""Options, by the panel of the help that they are in."""

_INPUT = (
    "The samples: an .npy file, an .npz file with an array X (or a single one), a folder of images (with or without "
    "a folder per class; sorted by name, images without a class last; transparency is dropped), or for domain text a "
    "UTF-8 file with one text per line."
)
_DOMAIN = f"What the samples are: {', '.join(DOMAINS)}."

Input = Annotated[Path, typer.Argument(metavar="INPUT", help=_INPUT, show_default=False)]
OptionalInput = Annotated[
    Path | None, typer.Argument(metavar="INPUT", help=f"{_INPUT} Not needed with --targets.", show_default=False)
]
Domain = Annotated[str, of_targets(metavar="NAME", help=_DOMAIN, show_default=False)]
OptionalDomain = Annotated[
    str | None,
    of_targets(metavar="NAME", help=f"{_DOMAIN} Needed without --targets.", show_default=False),
]
Tasks = Annotated[
    list[Any] | None,
    of_targets(
        "--task",
        metavar="NAME",
        parser=task_of,
        help="A task, with or without options: --task std --task fft:n_coefficients=50,use=phase. May be repeated; "
        "auxtasks list shows all tasks.",
        show_default="those with a star in auxtasks list",
    ),
]
Options = Annotated[
    list[Any] | None,
    of_targets(
        "--option",
        metavar="NAME=VALUE",
        parser=option_of,
        help="Another argument of make_aux_targets, such as scale=false, or tagger_model=en_core_web_sm for texts. "
        "May be repeated.",
    ),
]
LabelColumns = Annotated[
    list[str] | None,
    of_targets(
        "--label-column",
        metavar="KEY",
        help="An array of the .npz file, or 'class' of folders of images, with labels that exist at training time "
        "only; it becomes a target beside the tasks. May be repeated.",
    ),
]
ImageSize = Annotated[
    Any,
    of_targets(
        metavar="HEIGHTxWIDTH",
        parser=size_of,
        help="Resize the images of a folder to this size, such as 64x64; without it all images need the same size.",
        show_default=False,
    ),
]
Targets = Annotated[
    Path | None,
    of_targets(metavar="DIR", help="Targets saved by auxtasks make, used instead of computing them."),
]
_LABELS = (
    "The main labels: an array of the .npz file, an .npy file, a text file with one label per line (an empty line: "
    "no label), or 'class' for the names of the folders that images lie in. There may be fewer labels than samples; "
    "-1 and NaN are missing."
)
Labels = Annotated[str, typer.Option(metavar="KEY|FILE", help=_LABELS)]
OptionalLabels = Annotated[
    str | None,
    of_targets(
        metavar="KEY|FILE",
        help=f"{_LABELS} Soft labels of the other samples are computed from these, and are then the default task.",
        show_default=False,
    ),
]
Overwrite = Annotated[bool, of_output("--overwrite", help="Replace the output of an earlier call.")]


Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A function without arguments that returns a new compiled Keras model: path/to/file.py:function or "
        "package.module:function.",
        show_default=False,
    ),
]
Seeds = Annotated[int, of_runs(min=2, metavar="N", help="Pairs of runs; more pairs narrow the intervals.")]
Epochs = Annotated[
    int,
    of_runs(min=1, metavar="N", help="How often each sample is seen in a run; all runs take the same number of steps."),
]
BatchSize = Annotated[int, of_runs(min=1, metavar="N", help="Samples per step.")]
Weights = Annotated[
    list[float] | None,
    of_runs(
        metavar="W",
        help="Weight of the auxiliary losses. May be repeated; each weight is tried and counts as a further "
        "comparison.",
        show_default="from the number of unlabelled samples",
    ),
]
Folds = Annotated[int | None, of_runs(min=2, metavar="N", help="Folds per seed, if there is no test set.")]
NoControls = Annotated[
    bool,
    of_runs(
        "--no-controls",
        help="Skip the runs with shuffled targets, which halves the time. A task that merely regularises then looks "
        "like one that helps.",
    ),
]
Jobs = Annotated[int, of_runs(min=-1, metavar="N", help="Number of parallel processes; -1: one per processor.")]
Metrics = Annotated[
    list[str] | None,
    of_verdict(
        metavar="NAME",
        help="A metric of the main task, such as balanced_accuracy. May be repeated; the first decides the verdict.",
        show_default="accuracy for classes, rmse for numbers, and more",
    ),
]
Margin = Annotated[
    float,
    of_verdict(
        min=0.0,
        metavar="D",
        help="The difference that matters to you, in units of the metric: 0.01 is a point of accuracy. Set it before "
        "you look at results.",
    ),
]
Results = Annotated[
    Path | None,
    of_output(
        metavar="FILE",
        help="Keep finished runs in this file (JSON lines). The same call resumes where it was interrupted, and may "
        "add seeds, tasks or weights.",
    ),
]
Report = Annotated[Path, of_output(metavar="DIR", help="The folder of the report: page, figures and data.")]
