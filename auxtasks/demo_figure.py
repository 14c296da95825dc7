"""The figure of the demo: what the auxiliary target is, and what it changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auxtasks.audit import Comparison
from auxtasks.optional import require
from auxtasks.typing import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.table import Table


_BASELINE, _AUXILIARY, _BETTER, _WORSE = "#5b6470", "#0b6e4f", "#0b6e4f", "#b3442f"
N_SHOWN = 4


def draw_figure(path: Path, images: Floats, hogs: Floats, found: Comparison) -> None:
    """Draw digits beside their HOG, and the accuracies of both arms with a line for each pair."""
    require("matplotlib", extra="demo").use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.65, 1], squeeze=False)[0]
    left.suptitle("The auxiliary target: HOG, computed from the image, no label needed", fontsize=11)
    axes = left.subplots(2, N_SHOWN)
    for (above, below), image, hog in zip(axes.T, images, hogs, strict=False):
        _draw_digit(above, image)
        _draw_hog(below, image, hog)
    axes[0, 0].set_ylabel("image")
    axes[1, 0].set_ylabel("its HOG")
    left.supxlabel("A stroke: the direction of edges in a cell of 2×2 pixels; the darker, the stronger.", fontsize=9)
    _draw_pairs(right.subplots(), found)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _draw_digit(axes: Axes, image: Floats) -> None:
    # Pixel edges lie on whole numbers, as in the coordinates of the strokes.
    height, width = image.shape[:2]
    axes.imshow(image[..., 0], cmap="gray_r", extent=(0, width, height, 0))
    axes.set(xticks=[], yticks=[])


def _draw_hog(axes: Axes, image: Floats, hog: Floats) -> None:
    from matplotlib.collections import LineCollection

    height, width = image.shape[:2]
    cells = cell_averages(hog)
    rows, columns = cells.shape[:2]
    segments, strength = strokes(cells, (height / rows, width / columns))
    axes.imshow(image[..., 0], cmap="gray_r", extent=(0, width, height, 0), vmax=5)
    for at in range(1, columns):
        axes.axvline(at * width / columns, color="0.85", linewidth=0.6)
    for at in range(1, rows):
        axes.axhline(at * height / rows, color="0.85", linewidth=0.6)
    axes.add_collection(LineCollection(list(segments), colors=_AUXILIARY, alpha=strength.tolist(), linewidths=1.8))
    axes.set(xticks=[], yticks=[])


def _draw_pairs(axes: Axes, found: Comparison) -> None:
    for alone, together in zip(100 * found.baseline, 100 * found.auxiliary, strict=True):
        axes.plot([0, 1], [alone, together], color=_BETTER if together >= alone else _WORSE, alpha=0.45, linewidth=1.4)
    for at, (arm, colour) in enumerate([(found.baseline, _BASELINE), (found.auxiliary, _AUXILIARY)]):
        axes.scatter(np.full(len(arm), at), 100 * arm, color=colour, s=28, zorder=3)
        axes.hlines(100 * arm.mean(), at - 0.12, at + 0.12, color=colour, linewidth=3)
        side = "right" if at == 0 else "left"
        axes.text(at + (0.16 if at else -0.16), 100 * arm.mean(), f"{100 * arm.mean():.1f}", ha=side, va="center")
    axes.set(xlim=(-0.5, 1.5), xticks=[0, 1], ylabel="test accuracy, %")
    axes.set_xticklabels(["labelled\nimages alone", "with HOG\nof all images"])
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(
        f"{found.verdict.capitalize()}: {100 * found.mean:+.1f} points\n"
        f"(95 % interval {100 * found.low:+.1f} to {100 * found.high:+.1f}, {len(found.baseline)} pairs)",
        fontsize=11,
    )


def cell_averages(hog: Floats) -> Floats:
    """Average a HOG over the blocks that a cell lies in."""
    block_rows, block_columns, rows, columns, orientations = hog.shape
    total = np.zeros((block_rows + rows - 1, block_columns + columns - 1, orientations))
    count = np.zeros((*total.shape[:2], 1))
    for top in range(block_rows):
        for left in range(block_columns):
            total[top : top + rows, left : left + columns] += hog[top, left]
            count[top : top + rows, left : left + columns] += 1
    return total / count


def strokes(cells: Floats, cell_size: tuple[float, float]) -> tuple[Floats, Floats]:
    """Turn histograms into line segments.

    Bin k stands for gradients of ``(k + 0.5) * 180° / orientations``; an edge runs at a right angle to its gradient,
    so with the gradient along (cos, sin) the stroke lies along (-sin, cos).
    """
    rows, columns, orientations = cells.shape
    height, width = cell_size
    angle = (np.arange(orientations) + 0.5) * np.pi / orientations
    half = 0.45 * np.stack([-np.sin(angle) * width, np.cos(angle) * height], axis=-1)
    centre = np.stack(
        np.meshgrid((np.arange(columns) + 0.5) * width, (np.arange(rows) + 0.5) * height, indexing="xy"), axis=-1
    )[:, :, None]
    segments = np.stack([centre - half, centre + half], axis=-2)
    # A zero that was scaled and scaled back may have become a little less than zero.
    strength = np.maximum(cells, 0).ravel()
    return segments.reshape(-1, 2, 2), strength / max(strength.max(), np.finfo(float).tiny)


_WORDS = {
    "helps": "[bold green]HOG helps: the whole interval is above 0.[/]",
    "no effect": "[bold yellow]HOG has no effect that these runs can show: the interval holds 0.[/]",
    "hurts": "[bold red]HOG hurts: the whole interval is below 0.[/]",
}


def outcome_table(found: Comparison) -> Table:
    """Lay out the accuracies of each pair and their means."""
    from rich import box
    from rich.table import Table

    table = Table(
        title="Accuracy on 747 test images, in %", box=box.SIMPLE_HEAD, title_style="bold", title_justify="left"
    )
    table.add_column("seed", justify="right")
    for heading in ("labelled images alone", "with HOG of all images", "difference"):
        table.add_column(heading, justify="right")
    pairs = zip(found.baseline, found.auxiliary, found.differences, strict=True)
    for seed, (alone, together, difference) in enumerate(pairs):
        table.add_row(str(seed), f"{100 * alone:.1f}", f"{100 * together:.1f}", f"{100 * difference:+.1f}")
    table.add_section()
    means = f"{100 * found.baseline.mean():.1f}", f"{100 * found.auxiliary.mean():.1f}", f"{100 * found.mean:+.1f}"
    table.add_row("mean", *means, style="bold")
    return table


def verdict_lines(found: Comparison) -> tuple[str, str]:
    """Say what the difference is, and what follows."""
    mean, low, high = (f"{100 * value:+.1f}" for value in (found.mean, found.low, found.high))
    size = f"Mean difference {mean} points, 95 % interval {low} to {high} (paired t, {len(found.baseline)} seeds)"
    return size, _WORDS[found.verdict]
