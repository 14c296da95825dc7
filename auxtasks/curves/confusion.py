"""The figure of confusion matrices of one task."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from auxtasks.audit.report.figures.style import INK, WIDTH, short
from auxtasks.curves.axes import few
from auxtasks.curves.classes import Decisions
from auxtasks.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 5
_MOST_LABELS = 30
"""So many small matrices are drawn of several labels."""
_WRITTEN = 20
"""Counts are written into matrices of so many classes."""


def draw_confusion(task: str, found: Decisions) -> Figure:
    """Draw how many samples of each class were taken for which; of several labels a small matrix each.

    Parameters
    ----------
    task : str
        The name of the task.
    found : Decisions
        Its decisions.

    Returns
    -------
    matplotlib.figure.Figure
        Colours are shares of a row, the samples of one class; numbers are counts.
    """
    return _of_labels(task, found) if found.problem == "multilabel" else _of_classes(task, found)


def _of_classes(task: str, found: Decisions) -> Figure:
    from matplotlib.figure import Figure

    n = len(found.names)
    counts = _counts(found.truth, found.predicted, n)
    size = min(max(3.0, 1.6 + 0.42 * n), 9.0)
    figure = Figure(figsize=(size + 0.8, size), layout="constrained")
    axes = figure.subplots()
    _matrix(axes, counts, fontsize=9 if n <= 8 else 7)
    names = [short(name, 18, 1) for name in found.names]
    step = ceil(n / 40)
    ticks = np.arange(0, n, step)
    for axis, set_ticks in (("x", axes.set_xticks), ("y", axes.set_yticks)):
        set_ticks(ticks, [names[at] for at in ticks], fontsize=9 if n <= 20 else 7, parse_math=False)
        if axis == "x" and n > 2 and max(map(len, names)) > 2:
            axes.tick_params(axis="x", labelrotation=90)
    axes.set(xlabel="predicted", ylabel="true")
    said = f"{task}: {counts.sum()} samples, {100 * np.trace(counts) / counts.sum():.1f} % right"
    said += few("no sample of", [name for name, row in zip(found.names, counts, strict=True) if not row.sum()])
    axes.set_title(said, loc="left", parse_math=False)
    return figure


def _of_labels(task: str, found: Decisions) -> Figure:
    from matplotlib.figure import Figure

    shown = found.classes[:_MOST_LABELS]
    columns = min(_COLUMNS, len(shown))
    rows = ceil(len(shown) / columns)
    figure = Figure(figsize=(max(WIDTH * columns / _COLUMNS, 3.4), 0.7 + 1.75 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for number, axes in enumerate(grid.flat):
        if number >= len(shown):
            axes.set_visible(False)
            continue
        each = shown[number]
        _matrix(axes, _counts(each.members, each.predicted, 2), fontsize=8)
        axes.set_title(short(each.name, 16, 2), fontsize=8, parse_math=False)
        axes.set_xticks([0, 1], ["no", "yes"], fontsize=8)
        axes.set_yticks([0, 1], ["no", "yes"] if number % columns == 0 else ["", ""], fontsize=8)
    left_out = len(found.classes) - len(shown)
    said = f"{task}: true (rows) and predicted (columns)" + (f"; {left_out} more labels" if left_out else "")
    figure.suptitle(said, fontsize=10, x=0.01, ha="left", parse_math=False)
    return figure


def _counts(truth: Array, predicted: Array, n: int) -> Array:
    # A label may have no sample, which scikit-learn's function refuses.
    return np.bincount(n * truth.astype(np.int64) + predicted, minlength=n * n).reshape(n, n)


def _matrix(axes: Axes, counts: Array, *, fontsize: int) -> None:
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if len(counts) > _WRITTEN:
        return
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.55 else INK
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=fontsize)
