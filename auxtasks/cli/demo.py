"""``auxtasks demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from auxtasks.demo.run import run_demo
from auxtasks.demo.training import Settings

# Typer keeps the line breaks of a docstring, so a text that should fill the terminal is given without any.
HELP = (
    "Measure on real digits whether HOG as auxiliary target helps. Takes a minute or two.\n\n"
    "Trains a small network twice for each seed: on a few labelled images alone, and on the same with HOG as auxiliary "
    "target of these and of the unlabelled ones. Prints both accuracies, their mean difference with its 95 % interval "
    "and the verdict, and draws a figure."
)


def demo(
    seeds: Annotated[
        int,
        typer.Option(
            min=2, help="Pairs of runs. Each has its own split and initial weights; more narrow the interval."
        ),
    ] = 6,
    epochs: Annotated[
        int,
        typer.Option(min=1, help="How often each unlabelled image is seen. Both arms take the same number of steps."),
    ] = Settings.epochs,
    labelled: Annotated[
        int,
        typer.Option(min=10, max=1000, help="Images that keep their label, of 1,050. The gain shrinks as they grow."),
    ] = 50,
    weight: Annotated[
        float,
        typer.Option(min=0.0, help="Weight of the HOG loss. 1 makes guessing its mean cost 1; 0 switches it off."),
    ] = Settings.weight,
    output: Annotated[
        Path, typer.Option(help="File of the figure: .png, .svg or .pdf. Its folder is made if need be.")
    ] = Path("demo/auxtasks_demo.png"),
) -> None:
    """Run the demonstration; the help of the command says more."""
    run_demo(Console(), output, seeds, labelled, Settings(epochs, weight))
