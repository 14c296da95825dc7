"""What a search chose, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auxtasks.audit.candidates import Candidate
from auxtasks.audit.comparison import Comparison
from auxtasks.audit.design import Design
from auxtasks.audit.metrics import is_share
from auxtasks.audit.report.words import Units, more_needed
from auxtasks.audit.screen.ranking import Ranking
from auxtasks.audit.search import Step
from auxtasks.notebook import html_table
from auxtasks.optional import legend_grid, plain_text

if TYPE_CHECKING:
    import keras
    from rich.console import RenderableType


@dataclass(frozen=True, repr=False)
class Selection:
    """The tasks to train with, or none.

    Parameters
    ----------
    chosen : Candidate
        What passed, or the single task.
    proposed : Candidate
        The best of the search, before it had to pass.
    confirmation : Comparison or None
        Of the chosen one with the single task, or of the proposed one where nothing passed, on seeds the search did not
        see; None if nothing was proposed. Its ``verdict`` is the one that an audit of these pairs would give.
    margin : float
        What it had to gain.
    metric : str
        The judged metric.
    steps : tuple of Step
        All that was tried.
    left_out : dict of str to str
        Tasks that the screen left out, and why.
    ranking : Ranking
        The screen.
    n_models : int
        How many models it needed, those included that a folder of results held already.
    seconds : float
        How long it took.
    agreements : mapping of str to object, optional
        The values of `agreement` that were tried, by the names that candidates have for them.
    design : Design, optional
        How many pairs confirmed the choice, and on how many samples each.
    """

    chosen: Candidate
    proposed: Candidate
    confirmation: Comparison | None
    margin: float
    metric: str
    steps: tuple[Step, ...]
    left_out: dict[str, str]
    ranking: Ranking
    n_models: int
    seconds: float
    agreements: Mapping[str, Any] = field(default_factory=dict)
    design: Design | None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """The chosen tasks; empty where nothing passed, or agreement alone did."""
        return self.chosen.tasks

    @property
    def agreement(self) -> Any:
        """The chosen value for the argument `agreement` of `attach_heads`; None where there is none."""
        return self.agreements.get(self.chosen.agreement)

    def attach(self, base: keras.Model, targets: Any) -> keras.Model:
        """Attach heads as chosen.

        Parameters
        ----------
        base : keras.Model
            A model of the kind that was searched with.
        targets : AuxTargets
            The targets that were searched among.

        Returns
        -------
        keras.Model
            An `AuxModel` to be compiled, and trained with the labels and the targets of `tasks` alone: of ``y =
            targets.with_main(labels)``, ``{name: y[name] for name in ("main", *selection.tasks)}``. Where nothing was
            chosen, the very model passed in, which is trained with the labels.
        """
        from auxtasks.batches.composition import AUTO
        from auxtasks.keras.attach import attach_heads

        if self.chosen == Candidate():
            return base
        specs = {task: targets.specs[task] for task in self.tasks}
        return attach_heads(
            base,
            specs,
            at=self.chosen.at,
            weights={
                task: AUTO if spec.is_taught else self.chosen.weight * spec.weight_scale for task, spec in specs.items()
            },
            weighting=self.chosen.weighting,
            samples=targets.inputs,
            **({} if self.agreement is None else {"agreement": self.agreement}),
        )

    def __rich__(self) -> RenderableType:
        """Lay the search out for a console of rich."""
        return selection_table(self)

    def __repr__(self) -> str:
        """Show the choice and what was tried."""
        return plain_text(self.__rich__())

    def _repr_html_(self) -> str:
        """Show the same in a notebook."""
        return html_table(_rows(self), _title(self), _after(self), _LEGEND)


_LEGEND = {
    "gain": "over the best choice before; in the confirmation, over what is confirmed already; above 0 is better",
    "± error": "the standard error of the gain",
    "pairs": "trainings with and without, from the same initial weights and on the same split",
    "taken": "the gain exceeds its error, and is the largest; in the confirmation, it passes; of soft labels, the loss "
    "is less than the error",
}


def selection_table(selection: Selection) -> RenderableType:
    """Lay a selection out: what was tried, what was left out, the choice and its cost."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=_title(selection), title_justify="left")
    headings, *rows = _rows(selection)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in ("gain", "± error", "pairs") else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    searched: list[RenderableType] = [table, legend_grid(_LEGEND), ""] if selection.steps else []
    return Group(*searched, *map(Text, _after(selection)))


def _title(selection: Selection) -> str:
    return f"search, judged by {selection.metric}{Units(is_share(selection.metric)).unit.replace(' ', ', in ')}"


def _rows(selection: Selection) -> list[tuple[str, ...]]:
    """Return the headings, then a row for each candidate that was tried."""
    units, rows = Units(is_share(selection.metric)), list[tuple[str, ...]]()
    for step in selection.steps:
        numbers = (units.difference(step.gain.mean), units.plain(step.gain.error), str(len(step.gain.baseline)))
        rows.append((step.stage, step.candidate.label, *numbers, "taken" if step.accepted else ""))
    return [("looked for", "tried", "gain", "± error", "pairs", ""), *rows]


def _after(selection: Selection) -> list[str]:
    """Return what is said below: what the screen left out, the choice and its cost."""
    left_out = [f"{task} was left out: {why}" for task, why in selection.left_out.items()]
    return [*left_out, conclusion(selection), f"The choice cost {cost(selection)}."]


def conclusion(selection: Selection) -> str:
    """Say what was chosen and why."""
    found, units = selection.confirmation, Units(is_share(selection.metric))
    if found is None:
        return "No candidate gained in the search: train the model as it is."
    gain = f"{units.interval_with_unit(found)} on {len(found.baseline)} pairs not searched on"
    more = ""
    if found.verdict == "unclear" and selection.design is not None:
        more = more_needed(found, selection.design, found.smallest_effect, units)
    if selection.chosen != Candidate():
        likely = "likely but not shown to help, " if found.mean > 0 else "not shown to hurt, "
        likely = "" if found.verdict == "helps" else likely
        return f"Use {selection.chosen.label}: {likely}{gain}.{more}"
    margin = f" the margin of {units.size(selection.margin)}" if selection.margin else ""
    return f"Train the model as it is: {selection.proposed.label} did not pass{margin}, {gain}.{more}"


def cost(selection: Selection) -> str:
    """Say how many models were trained, and how long it took."""
    minutes = selection.seconds / 60
    time = f"{selection.seconds:.0f} seconds" if minutes < 2 else f"{minutes:.1f} minutes"
    return f"{selection.n_models} trained models, {time}"
