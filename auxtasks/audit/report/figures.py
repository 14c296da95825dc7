"""The figures of a report, what is written below them, and the look that all figures share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from math import ceil
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.audit.comparison import Comparison
from auxtasks.audit.experiment import BASELINE as BASELINE_ARM
from auxtasks.audit.experiment import Arm
from auxtasks.audit.report.content import Content, Units, controls_of, tasks_name, weight_name, weights_of
from auxtasks.audit.verdicts import Finding
from auxtasks.files import written_as_a_whole
from auxtasks.optional import require
from auxtasks.typing import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# From the palette of Okabe and Ito, which the colour-blind can tell apart; darkened for white paper. The markers differ
# too, so that colour says nothing alone.
COLOURS = {"helps": "#00795a", "no effect": "#0a5fa0", "unclear": "#8a5a9e", "hurts": "#c04a00"}
MARKERS = {"helps": "^", "no effect": "o", "unclear": "D", "hurts": "v"}
BASELINE, CONTROL, MARGIN, INK = "#5b6470", "#8d949c", "#f0e442", "#2b3036"
WIDTH = 8.2


@contextmanager
def house_style() -> Iterator[None]:
    """Set matplotlib's settings for one figure, whatever the user's are, and put these back."""
    matplotlib = require("matplotlib", extra="audit")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlesize": 10,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "grid.color": "0.9",
            "legend.frameon": False,
            # The same report gives the same file.
            "svg.hashsalt": "auxtasks",
        })  # fmt: skip
        yield


_TRADED = str.maketrans("-_", "_-")


def short(name: str, width: int = 24, lines: int = 2) -> str:
    r"""Break a long name into lines, between words and after underscores, and cut off what does not fit."""
    # Lines are broken after hyphens, which therefore trade places with underscores for that while.
    parts = [part.translate(_TRADED) for part in wrap(" ".join(name.split()).translate(_TRADED), width)] or [""]
    kept = parts[:lines]
    if len(parts) > lines:
        kept[-1] = kept[-1][: width - 1] + "…"
    return "\n".join(kept)


DPI = 150


def save_figure(figure: Figure, path: Path) -> None:
    with house_style(), written_as_a_whole(path) as new:
        figure.savefig(new, format="png", dpi=DPI, metadata={"Software": None})


def figure_svg(figure: Figure) -> str:
    """Write a figure as SVG, letters as outlines, so that it looks the same everywhere."""
    text = StringIO()
    with house_style():
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def figures_of(content: Content) -> dict[str, Figure]:
    with house_style():
        figures = {"differences": draw_differences(content), "curves": draw_curves(content)}
        if len(weights_of(content)) > 1:
            figures["weights"] = draw_weights(content)
    return figures


def captions(content: Content) -> dict[str, str]:
    interval = f"{100 * content.settings['confidence']:g} % interval"
    band = "; the yellow band is the margin" if content.settings["margin"] else ""
    controls = " or ".join(controls_of(content))
    grey = f" Grey: the control, {controls}." if controls else ""
    dashed = f" Grey and dashed: the control, {controls}." if controls else ""
    return {
        "differences": (
            "Each small dot is a pair: the same initial weights and batches with and without the task. The mark above "
            f"is their mean, the bar its {interval}{band}.{grey} Right is better."
        ),
        "curves": (
            "The main task's training loss in each epoch: the mean over the runs and one standard deviation around "
            "it. A task that is lower here but not better on the test part helps the model fit, not generalise."
        ),
        "weights": (
            f"The mean difference and its {interval} for each weight of the auxiliary losses{band}.{dashed} Up is "
            "better."
        ),
    }


_LINES = ("-", "--", ":", "-.")


def draw_curves(content: Content) -> Figure:
    """Draw the main task's loss in each epoch, one panel for each group of tasks."""
    from matplotlib.ticker import MaxNLocator

    groups = groups_of(content)
    figure, axes = panels(list(groups))
    for panel, findings in zip(axes, groups.values(), strict=True):
        _draw_curve(panel, _curves(content, BASELINE_ARM), "baseline", color=BASELINE)
        for at, finding in enumerate(findings):
            label = f"{_name(content, finding.arm, 20, 1)}: {finding.verdict}"
            look = {"color": COLOURS[finding.verdict], "linestyle": _LINES[at % len(_LINES)]}
            _draw_curve(panel, _curves(content, finding.arm), label, **look)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if panel.lines:
            for text in panel.legend(fontsize=8, handlelength=1.8, loc="upper right").get_texts():
                text.set_parse_math(False)
    figure.supxlabel("epoch", fontsize=10)
    figure.supylabel("main training loss", fontsize=10)
    return figure


def mean_and_spread(curves: Sequence[Sequence[float]]) -> tuple[Floats, Floats]:
    """Average curves that may end at different epochs."""
    losses = np.full((len(curves), max(map(len, curves), default=0)), np.nan)
    for row, curve in zip(losses, curves, strict=True):
        row[: len(curve)] = curve
    losses = np.ma.masked_invalid(losses)
    return losses.mean(axis=0).filled(np.nan), losses.std(axis=0).filled(np.nan)


def _curves(content: Content, arm: Arm) -> list[list[float]]:
    return [run.curves["main"] for run in content.runs if run.arm == arm and "main" in run.curves]


def _draw_curve(axes: Axes, curves: list[list[float]], label: str, **look: Any) -> None:
    mean, spread = mean_and_spread(curves)
    if not np.isfinite(mean).any():
        return
    epochs = np.arange(1, len(mean) + 1)
    axes.fill_between(epochs, mean - spread, mean + spread, color=look["color"], alpha=0.12, linewidth=0)
    axes.plot(epochs, mean, linewidth=1.6, marker="o" if len(mean) == 1 else None, label=label, **look)


# Within a row of height 1, from its middle down: the mean, its pairs beneath where the bar does not hide them, and the
# same of the control.
_ARM, _PAIRS, _CONTROL, _CONTROL_PAIRS, _SPREAD = -0.3, -0.07, 0.2, 0.35, 0.09


def draw_differences(content: Content) -> Figure:
    """Draw each pair's difference, their mean and interval, the margin, and the control beneath."""
    from matplotlib.figure import Figure

    units, findings = Units.of(content), content.findings
    figure = Figure(figsize=(WIDTH, 1.1 + 0.85 * max(len(findings), 1)), layout="constrained")
    axes = figure.subplots()
    margin = units.factor * content.settings["margin"]
    axes.axvspan(-margin, margin, color=MARGIN, alpha=0.35, linewidth=0)
    axes.axvline(0, color=BASELINE, linewidth=1)
    for at, finding in enumerate(findings):
        if at:
            axes.axhline(at - 0.5, color="0.9", linewidth=0.8)
        if finding.control is not None:
            places = (at + _CONTROL, at + _CONTROL_PAIRS)
            _draw_row(axes, finding.control, places, units.factor, CONTROL, "o", small=True)
        colour, marker = COLOURS[finding.verdict], MARKERS[finding.verdict]
        _draw_row(axes, finding.comparison, (at + _ARM, at + _PAIRS), units.factor, colour, marker, small=False)
    axes.set_yticks(range(len(findings)))
    # The verdict is on the left, where a narrow screen shows it without scrolling.
    labels = axes.set_yticklabels([_said(content, finding, units) for finding in findings])
    for label, finding in zip(labels, findings, strict=True):
        # A dollar sign in a user's name is no formula.
        label.set(parse_math=False, color=COLOURS[finding.verdict])
    axes.set_ylim(max(len(findings), 1) - 0.5, -0.5)
    axes.set_xlabel(_axis_label(content, units), parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def _said(content: Content, finding: Finding, units: Units) -> str:
    mean = units.difference(finding.comparison.mean).replace("-", "−")
    return f"{_name(content, finding.arm)}\n{finding.verdict} {mean}"


def _name(content: Content, arm: Arm, width: int = 24, lines: int = 2) -> str:
    """Cut the name of the tasks, and not the weight, by which arms of the same tasks are told apart."""
    weight = weight_name(content, arm)
    return short(tasks_name(content, arm), width - len(weight), lines) + weight


def _axis_label(content: Content, units: Units) -> str:
    said = content.settings
    unit = " in points" if units.in_points else ""
    parts = [f"small dots: pairs; bars: {100 * said['confidence']:g} % intervals"]
    if controls := controls_of(content):
        parts.append(f"grey: {' or '.join(controls)}")
    if said["margin"]:
        parts.append(f"band: margin of {units.size(said['margin'])}")
    return f"difference in {said['metric']} from the baseline{unit} (right is better)\n{'; '.join(parts)}"


def _draw_row(
    axes: Axes, found: Comparison, at: tuple[float, float], factor: float, colour: str, marker: str, *, small: bool
) -> None:
    """Draw a mean with its bar at one height, and the pairs around another."""
    differences = factor * found.differences
    # The pairs are spread by their order, so that equal differences do not hide one another.
    places = at[1] + np.linspace(-_SPREAD, _SPREAD, len(differences)) * (0.6 if small else 1.0)
    axes.scatter(differences, places, s=7 if small else 14, color=colour, alpha=0.6, linewidths=0, zorder=2)
    axes.errorbar(
        factor * found.mean, at[0], xerr=_errors(found, factor), fmt=marker, color=colour,
        elinewidth=1.5 if small else 3, markersize=5 if small else 9, markeredgecolor="white", markeredgewidth=0.8,
        zorder=4,
    )  # fmt: skip


def _errors(found: Comparison, factor: float) -> Floats:
    return factor * np.array([[found.mean - found.low], [found.high - found.mean]])


def draw_weights(content: Content) -> Figure:
    from matplotlib.ticker import NullLocator

    groups, units = groups_of(content), Units.of(content)
    figure, axes = panels(list(groups))
    tried = weights_of(content)
    margin = units.factor * content.settings["margin"]
    for panel, findings in zip(axes, groups.values(), strict=True):
        if tried[0] > 0:
            panel.set_xscale("log")
        panel.axhspan(-margin, margin, color=MARGIN, alpha=0.35, linewidth=0)
        panel.axhline(0, color=BASELINE, linewidth=1)
        _draw_group(panel, findings, units.factor)
        panel.set_xticks(tried, [f"{weight:g}" for weight in tried])
        panel.xaxis.set_minor_locator(NullLocator())
    unit = ", points" if units.in_points else ""
    figure.supxlabel("weight", fontsize=10)
    figure.supylabel(f"difference in {content.settings['metric']}{unit}", fontsize=10, parse_math=False)
    return figure


def _draw_group(axes: Axes, findings: list[Finding], factor: float) -> None:
    means = [(finding.arm.weight, factor * finding.comparison.mean) for finding in findings]
    controls = [(finding.arm.weight, factor * finding.control.mean) for finding in findings if finding.control]
    axes.plot(*np.transpose(means), color=BASELINE, linewidth=1.2)
    axes.plot(*np.reshape(controls, (-1, 2)).T, "--o", color=CONTROL, markersize=3)
    for finding, (weight, mean) in zip(findings, means, strict=True):
        marker, colour = MARKERS[finding.verdict], COLOURS[finding.verdict]
        errors = _errors(finding.comparison, factor)
        axes.errorbar(weight, mean, yerr=errors, fmt=marker, color=colour, elinewidth=2, markersize=7)


_COLUMNS = 3


def groups_of(content: Content) -> dict[str, list[Finding]]:
    """Gather the findings of the same tasks with different weights, in the order of the report."""
    groups: dict[str, list[Finding]] = {}
    for finding in content.findings:
        groups.setdefault(tasks_name(content, finding.arm), []).append(finding)
    return {name: sorted(found, key=lambda finding: finding.arm.weight) for name, found in groups.items()}


def panels(names: list[str]) -> tuple[Figure, list[Axes]]:
    """Make a figure with a titled panel for each name, all with the same axes."""
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, max(len(names), 1))
    rows = ceil(max(len(names), 1) / columns)
    figure = Figure(figsize=(WIDTH, 0.9 + 2.0 * rows if columns > 1 else 3.4), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    axes = list(grid.flat)
    for panel in axes[len(names) :]:
        panel.set_visible(False)
    # The lowest panel of each column carries the numbers, also where the last row is not full.
    for panel in axes[max(len(names) - columns, 0) : len(names)]:
        panel.tick_params(labelbottom=True)
    for panel, name in zip(axes, names, strict=False):
        panel.set_title(short(name, 30), parse_math=False, loc="left")
        panel.grid(axis="y")
        panel.set_axisbelow(True)
    return figure, axes[: len(names)]
