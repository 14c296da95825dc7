"""The outcome of the demo in words and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auxtasks.audit import Comparison

if TYPE_CHECKING:
    from rich.table import Table

_WORDS = {
    "helps": "HOG helps: the whole interval is above 0.",
    "no effect": "HOG has no effect that these runs can show: the interval holds 0.",
    "hurts": "HOG hurts: the whole interval is below 0.",
}
_STYLES = {"helps": "bold green", "no effect": "bold yellow", "hurts": "bold red"}


def outcome_table(found: Comparison) -> Table:
    """Lay out the accuracies of each pair and their means.

    Parameters
    ----------
    found : Comparison
        What was measured.

    Returns
    -------
    rich.table.Table
        At most 80 columns wide.
    """
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
    """Say what the difference is, and what follows.

    Parameters
    ----------
    found : Comparison
        What was measured.

    Returns
    -------
    tuple of str
        The mean difference with its interval, and the verdict with rich's markup.

    Examples
    --------
    >>> from auxtasks.audit import compare
    >>> verdict_lines(compare([0.80, 0.82, 0.81], [0.84, 0.85, 0.86]))[0]
    'Mean difference +4.0 points, 95 % interval +1.5 to +6.5 (paired t, 3 seeds)'
    """
    mean, low, high = (f"{100 * value:+.1f}" for value in (found.mean, found.low, found.high))
    size = f"Mean difference {mean} points, 95 % interval {low} to {high} (paired t, {len(found.baseline)} seeds)"
    return size, f"[{_STYLES[found.verdict]}]{_WORDS[found.verdict]}[/]"
