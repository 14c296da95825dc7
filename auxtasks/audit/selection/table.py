"""A selection as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

    from auxtasks.audit.selection.selection import Selection


def selection_table(selection: Selection) -> RenderableType:
    """Lay a selection out: what was tried, what was left out, the choice and its cost.

    Parameters
    ----------
    selection : Selection
        The selection.

    Returns
    -------
    rich renderable
        For a console.
    """
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=f"search, judged by {selection.metric}", title_justify="left")
    for name in ("looked for", "tried"):
        table.add_column(name)
    for name in ("gain", "± error"):
        table.add_column(name, justify="right")
    table.add_column("")
    for step in selection.steps:
        numbers = (f"{step.gain.mean:+.4g}", f"{step.gain.error:.2g}")
        table.add_row(step.stage, step.candidate.label, *numbers, "taken" if step.accepted else "")
    left_out = [Text(f"{task} was left out: {why}") for task, why in selection.left_out.items()]
    closing = Text(f"{conclusion(selection)}\nThe choice cost {cost(selection)}.")
    return Group(*([table] if selection.steps else []), *left_out, closing)


def conclusion(selection: Selection) -> str:
    """Say what was chosen and why.

    Parameters
    ----------
    selection : Selection
        The selection.

    Returns
    -------
    str
        A sentence or two.
    """
    found = selection.confirmation
    if found is None:
        return "Nothing gained in the search: train the model as it is."
    share = f"{found.mean:+.4g} ({found.low:+.4g} to {found.high:+.4g}) on {len(found.baseline)} pairs not searched on"
    if selection.tasks:
        return f"Use {selection.chosen.label}: {share}."
    margin = f" of {selection.margin:g}" if selection.margin else ""
    return f"Train the model as it is: {selection.proposed.label} did not pass the margin{margin}, {share}."


def cost(selection: Selection) -> str:
    """Say how many models were trained, and how long it took.

    Parameters
    ----------
    selection : Selection
        The selection.

    Returns
    -------
    str
        Such as ``"42 trained models, 3.5 minutes"``.
    """
    minutes = selection.seconds / 60
    time = f"{selection.seconds:.0f} seconds" if minutes < 2 else f"{minutes:.1f} minutes"
    return f"{selection.n_models} trained models, {time}"
