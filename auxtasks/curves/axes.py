"""The figure of ROC and precision-recall curves of one task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.audit.report.figures.style import BASELINE, INK, WIDTH, short
from auxtasks.curves.classes import Decisions
from auxtasks.curves.points import Curve, mean_precision_recall, mean_roc, pooled, precision_recall, roc

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The palette of Okabe and Ito, darkened for white paper; line styles tell apart what shares a colour.
_COLOURS = ("#0a5fa0", "#c04a00", "#00795a", "#b0407a", "#8a6d00", "#2f9bd6", "#7a4fb5")
_STYLES: tuple[Any, ...] = ("-", (0, (3, 1.5)))
_NAMED = len(_COLOURS) * len(_STYLES)
_SINGLED_OUT = 5
"""Of more classes than can be told apart, so many are named: those that the model ranks worst."""
_OTHERS = "0.78"


def draw_both(task: str, found: Decisions) -> Figure:
    """Draw the curves of each class and their means, and write the areas beside them.

    Parameters
    ----------
    task : str
        The name of the task.
    found : Decisions
        Its decisions, at least one class with a curve.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels and a legend.
    """
    from matplotlib.figure import Figure

    drawn, curves = found.drawn, [(roc(each), precision_recall(each)) for each in found.drawn]
    looks = _looks([pair[1].area for pair in curves])
    n_lines = len([look for look in looks if look["label"]]) + 3
    figure = Figure(figsize=(1.2 * WIDTH, max(3.7, 1.2 + 0.19 * n_lines)), layout="constrained")
    left, right = figure.subplots(1, 2)
    _frame(left, "false positive rate", "true positive rate", "ROC")
    _frame(right, "recall", "precision", "precision and recall")
    left.plot([0, 1], [0, 1], color=BASELINE, linewidth=0.8, linestyle=":")
    if found.problem == "binary":
        right.axhline(drawn[0].members.mean(), color=BASELINE, linewidth=0.8, linestyle=":")
    lines = []
    for each, (first, second), look in zip(drawn, curves, looks, strict=True):
        name = short(each.name, 18, 1) if look.pop("label") else None
        lines += _draw(left, right, name, first, second, **look)
    if len(found.classes) > 1:
        means = mean_roc([pair[0] for pair in curves]), mean_precision_recall([pair[1] for pair in curves])
        micro = pooled(found.classes)
        lines += _draw(left, right, "mean of classes", *means, color=INK, linewidth=2.2, zorder=5)
        lines += _draw(
            left, right, "all pooled", roc(micro), precision_recall(micro), color=INK, linewidth=1.6, linestyle=":",
            zorder=5,
        )  # fmt: skip
    title = "areas: ROC, PR"
    if len(drawn) > _NAMED:
        title += f"\n(the lowest {_SINGLED_OUT} of {len(drawn)} classes)"
    legend = figure.legend(handles=lines, loc="outside right upper", title=title, fontsize=8, title_fontsize=8)
    for text in legend.get_texts():
        text.set_parse_math(False)
    _head(figure, task, found)
    return figure


def _head(figure: Figure, task: str, found: Decisions) -> None:
    said = f"{task}: {max(len(each.members) for each in found.classes)} samples"
    absent = [each.name for each in found.classes if not each.has_curve]
    said += few("no curve, since none or all of the samples are of it", absent)
    figure.suptitle(said, fontsize=10, x=0.01, ha="left", parse_math=False)


def few(why: str, names: Sequence[str]) -> str:
    r"""Return a line that names the first classes of some, nothing for none.

    Examples
    --------
    >>> few("no sample of", ["a", "b"]), few("no sample of", [])
    ('\nno sample of: a, b', '')
    """
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f"\n{why}: {', '.join(names[:6])}{more}" if names else ""


def _looks(areas: list[float]) -> list[dict[str, Any]]:
    """Choose how each class is drawn; beyond the number that can be told apart only the worst are coloured."""
    if len(areas) <= _NAMED:
        shown = {at: at for at in range(len(areas))}
    else:
        shown = {int(at): number for number, at in enumerate(np.argsort(areas, kind="stable")[:_SINGLED_OUT])}
    return [
        {
            "label": True,
            "color": _COLOURS[shown[at] % len(_COLOURS)],
            "linestyle": _STYLES[shown[at] // len(_COLOURS)],
            "linewidth": 1.3,
            "zorder": 3,
        }
        if at in shown
        else {"label": False, "color": _OTHERS, "linewidth": 0.7, "zorder": 2}
        for at in range(len(areas))
    ]


def _draw(left: Axes, right: Axes, name: str | None, first: Curve, second: Curve, **look: Any) -> list[Any]:
    left.plot(first.x, first.y, **look)
    (line,) = right.plot(second.x, second.y, drawstyle="steps-post", **look)
    if name is None:
        return []
    line.set_label(f"{name}: {first.area:.3f}, {second.area:.3f}")
    return [line]


def _frame(axes: Axes, x: str, y: str, title: str) -> None:
    axes.set(xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.03), aspect="equal")
    axes.set_title(title, loc="left")
    axes.grid()
    axes.set_axisbelow(True)
