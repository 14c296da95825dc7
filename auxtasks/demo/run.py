"""The demo from beginning to end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auxtasks.audit import Comparison, compare
from auxtasks.demo.data import N_TRAIN, Split, load_digits, split_digits
from auxtasks.demo.figure import N_SHOWN, draw_figure
from auxtasks.demo.output import check_output
from auxtasks.demo.progress import epoch_callback
from auxtasks.demo.quiet import load_tensorflow
from auxtasks.demo.table import outcome_table, verdict_lines
from auxtasks.demo.training import Settings, hog_targets, train_baseline, train_with_hog
from auxtasks.optional import require
from auxtasks.validation import check_int, check_number

if TYPE_CHECKING:
    from rich.console import Console


def run_demo(
    console: Console, output: Path, n_seeds: int = 6, n_labelled: int = 50, settings: Settings | None = None
) -> Comparison:
    """Train both arms for each seed, print the table and draw the figure.

    Parameters
    ----------
    console : rich.console.Console
        Where to print.
    output : Path
        The file of the figure.
    n_seeds : int, default 6
        How many pairs; each has its own split and initial weights.
    n_labelled : int, default 50
        How many images have a label.
    settings : Settings, optional
        Epochs and weight.

    Returns
    -------
    Comparison
        What was measured.

    Raises
    ------
    InvalidInputError
        If an argument is out of range or `output` cannot be written; before anything is trained.
    MissingDependencyError
        If a package of the extra ``demo`` is not installed.
    """
    settings = settings or Settings()
    check_int("n_seeds", n_seeds, low=2)
    check_int("epochs", settings.epochs, low=1)
    check_number("weight", settings.weight, low=0.0)
    check_output(output)
    require("matplotlib", extra="demo")
    images, labels = load_digits()
    splits = [split_digits(images, labels, n_labelled, seed) for seed in range(n_seeds)]
    console.print(
        f"Handwritten digits: {n_labelled} labelled, {N_TRAIN - n_labelled:,} unlabelled and {len(splits[0].x_test)} "
        f"test images, split anew for each of {n_seeds} seeds.",
        highlight=False,
    )
    found = _train_pairs(splits, settings)
    console.print()
    console.print(outcome_table(found))
    for line in verdict_lines(found):
        console.print(line, highlight=False)
    _draw(output, splits[0], found)
    console.print(f"Figure: {output}", highlight=False, soft_wrap=True)
    return found


def _train_pairs(splits: list[Split], settings: Settings) -> Comparison:
    progress = require("tqdm", extra="demo").tqdm
    load_tensorflow()
    baseline, auxiliary = [], []
    with progress(total=2 * len(splits) * settings.epochs, unit="epoch", leave=False, dynamic_ncols=True) as bar:
        callback = epoch_callback(bar)
        for seed, split in enumerate(splits):
            bar.set_description(f"seed {seed}, labelled images alone")
            baseline.append(train_baseline(split, settings, seed, [callback]))
            bar.set_description(f"seed {seed}, with HOG of all images")
            auxiliary.append(train_with_hog(split, settings, seed, [callback]))
    return compare(baseline, auxiliary)


def _draw(output: Path, split: Split, found: Comparison) -> None:
    """Show the labelled digits of the first classes, with the targets that were trained, in their own units."""
    targets = hog_targets(split)
    shown = [int((split.y_labelled == digit).argmax()) for digit in range(N_SHOWN)]
    hogs = targets.unscale("hog", targets["hog"][shown])
    draw_figure(output, targets.inputs[shown], hogs.reshape(N_SHOWN, 2, 2, 3, 3, 9), found)
