"""The figure and the table of the demo: what the teacher says, and what that changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auxtasks.audit import Comparison
from auxtasks.files import written_as_a_whole
from auxtasks.optional import require
from auxtasks.typing import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.table import Table


_ALONE, _TAUGHT, _BETTER, _WORSE = "#5b6470", "#0b6e4f", "#0b6e4f", "#b3442f"
N_SHOWN = 4


def draw_figure(path: Path, images: Floats, soft_labels: Floats, found: Comparison) -> None:
    """Draw unlabelled digits beside their soft labels, and the accuracies of both arms with a line for each pair."""
    require("matplotlib", extra="demo").use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.65, 1], squeeze=False)[0]
    left.suptitle("Unlabelled images, and the labels that the teacher predicts", fontsize=11)
    axes = left.subplots(2, N_SHOWN)
    for (above, below), image, shares in zip(axes.T, images, soft_labels, strict=False):
        above.imshow(image[..., 0], cmap="gray_r")
        above.set(xticks=[], yticks=[])
        below.bar(range(len(shares)), shares, color=_TAUGHT)
        below.set(xticks=range(len(shares)), yticks=[0, 1], ylim=(0, 1))
        below.tick_params(labelsize=7)
        below.spines[["top", "right"]].set_visible(False)
    axes[1, 0].set_ylabel("soft label")
    left.supxlabel("The network's own output learns the most probable digit.", fontsize=9)
    _draw_pairs(right.subplots(), found)
    with written_as_a_whole(path) as new:
        figure.savefig(new, format=path.suffix[1:].lower(), dpi=150)
    pyplot.close(figure)


def _draw_pairs(axes: Axes, found: Comparison) -> None:
    for alone, together in zip(100 * found.baseline, 100 * found.auxiliary, strict=True):
        axes.plot([0, 1], [alone, together], color=_BETTER if together >= alone else _WORSE, alpha=0.45, linewidth=1.4)
    for at, (arm, colour) in enumerate([(found.baseline, _ALONE), (found.auxiliary, _TAUGHT)]):
        axes.scatter(np.full(len(arm), at), 100 * arm, color=colour, s=28, zorder=3)
        axes.hlines(100 * arm.mean(), at - 0.12, at + 0.12, color=colour, linewidth=3)
        side = "right" if at == 0 else "left"
        axes.text(at + (0.16 if at else -0.16), 100 * arm.mean(), f"{100 * arm.mean():.1f}", ha=side, va="center")
    axes.set(xlim=(-0.5, 1.5), xticks=[0, 1], ylabel="test accuracy, %")
    axes.set_xticklabels(["network\nalone", "network\ntaught"])
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(
        f"{found.verdict.capitalize()}: {100 * found.mean:+.1f} points\n"
        f"(95 % interval {100 * found.low:+.1f} to {100 * found.high:+.1f}, {len(found.baseline)} pairs)",
        fontsize=11,
    )


_WORDS = {
    "helps": "[bold green]Soft labels help: the whole interval is above 0.[/]",
    "no effect": "[bold yellow]Soft labels change less than a point: the whole interval lies within.[/]",
    "unclear": "[bold yellow]Whether soft labels help is unclear: the interval holds 0; more seeds would narrow it.[/]",
    "hurts": "[bold red]Soft labels hurt: the whole interval is below 0.[/]",
}


def outcome_table(found: Comparison, teacher: Floats) -> Table:
    """Lay out the accuracies of each pair, of the teacher, and their means."""
    from rich import box
    from rich.table import Table

    table = Table(
        title="Accuracy on 747 test images, in %", box=box.SIMPLE_HEAD, title_style="bold", title_justify="left"
    )
    for heading in ("seed", "network alone", "teacher alone", "network taught", "difference"):
        table.add_column(heading, justify="right")
    columns = (found.baseline, teacher, found.auxiliary)
    for seed, (*scores, difference) in enumerate(zip(*columns, found.differences, strict=True)):
        table.add_row(str(seed), *(f"{100 * score:.1f}" for score in scores), f"{100 * difference:+.1f}")
    table.add_section()
    table.add_row(
        "mean", *(f"{100 * scores.mean():.1f}" for scores in columns), f"{100 * found.mean:+.1f}", style="bold"
    )
    return table


def verdict_lines(found: Comparison, teacher: Floats) -> tuple[str, str, str]:
    """Say what the difference is, what follows, and who of teacher and network is ahead."""
    mean, low, high = (f"{100 * value:+.1f}" for value in (found.mean, found.low, found.high))
    size = f"Mean difference {mean} points, 95 % interval {low} to {high} (paired t, {len(found.baseline)} seeds)"
    gap = 100 * (float(found.auxiliary.mean()) - float(teacher.mean()))
    ahead = "The network taught is ahead of its teacher" if gap > 0 else "The teacher alone stays ahead of the network"
    return size, _WORDS[found.verdict], f"{ahead} by {abs(gap):.1f} points on average."
