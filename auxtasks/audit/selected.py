"""What a search chose, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auxtasks.audit.comparison import Comparison, Design
from auxtasks.audit.metrics import is_share
from auxtasks.audit.report.content import Units, more_needed
from auxtasks.audit.screen import Ranking
from auxtasks.audit.search import Candidate, Step
from auxtasks.aux_targets import AuxTargets
from auxtasks.errors import InvalidInputError, wrong_type
from auxtasks.labels import MAIN
from auxtasks.notebook import html_table, legend_grid, plain_text, rich_table
from auxtasks.optional import require

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
            An `AuxModel` to be compiled, and trained with what `with_main` returns. Where nothing was chosen, the very
            model passed in.
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

    def with_main(self, targets: AuxTargets, y: Any = None) -> Any:
        """Put the main labels beside the chosen targets, and leave the others out: what ``fit`` takes as y.

        Parameters
        ----------
        targets : AuxTargets
            The targets that were searched among, or what their ``transform`` returns for other samples.
        y : array-like, optional
            The main labels, as for `AuxTargets.with_main`; by default those that the targets were made with.

        Returns
        -------
        dict of str to ndarray, or ndarray
            The labels as ``"main"``, then the targets of `tasks`. Where nothing was chosen, the labels alone as an
            array, for the model that `attach` left as it is; it takes no missing ones.

        Raises
        ------
        InvalidTypeError, InvalidInputError
            If `targets` are not `AuxTargets`, or `y` is a mapping without ``"main"``; and as `AuxTargets.with_main`.

        Examples
        --------
        >>> import auxtasks
        >>> targets = auxtasks.make_aux_targets([[1.0, 3.0], [2.0, 2.5]], "signal", ["mean", "std"])
        >>> std, ranking = Candidate(("std",)), Ranking([], [], 2, 2)
        >>> selection = Selection(std, std, None, 0.0, "accuracy", (), {}, ranking, n_models=8, seconds=4.2)
        >>> list(selection.with_main(targets, [0, 1]))
        ['main', 'std']
        """
        if not isinstance(targets, AuxTargets):
            raise wrong_type("targets", "AuxTargets", targets)
        found = targets.with_main(y)
        if MAIN not in found:
            raise InvalidInputError(f"`y` must be the labels of the one main output; got a mapping of {[*y]}.")
        if self.chosen == Candidate():
            return found[MAIN]
        return {MAIN: found[MAIN], **{task: found[task] for task in self.tasks}}

    def __rich__(self) -> RenderableType:
        require("rich", extra="audit")
        from rich.console import Group
        from rich.text import Text

        left = ("looked for", "tried", "")
        table = rich_table(_rows(self), left, title=_title(self), title_justify="left")
        searched: list[RenderableType] = [table, legend_grid(_LEGEND), ""] if self.steps else []
        return Group(*searched, *map(Text, _after(self)))

    def __repr__(self) -> str:
        return plain_text(self.__rich__())

    def _repr_html_(self) -> str:
        return html_table(_rows(self), _title(self), _after(self), _LEGEND)


_LEGEND = {
    "gain": "over the best choice before; in the confirmation, over what is confirmed already; above 0 is better",
    "± error": "the standard error of the gain",
    "pairs": "trainings with and without, from the same initial weights and on the same split",
    "taken": "the gain exceeds its error, and is the largest; in the confirmation, it passes; of soft labels, the loss "
    "is less than the error",
}


def _title(selection: Selection) -> str:
    return f"search, judged by {selection.metric}{Units(is_share(selection.metric)).unit.replace(' ', ', in ')}"


def _rows(selection: Selection) -> list[tuple[str, ...]]:
    units, rows = Units(is_share(selection.metric)), list[tuple[str, ...]]()
    for step in selection.steps:
        numbers = (units.difference(step.gain.mean), units.plain(step.gain.error), str(len(step.gain.baseline)))
        rows.append((step.stage, step.candidate.label, *numbers, "taken" if step.accepted else ""))
    return [("looked for", "tried", "gain", "± error", "pairs", ""), *rows]


def _after(selection: Selection) -> list[str]:
    left_out = [f"{task} was left out: {why}" for task, why in selection.left_out.items()]
    return [*left_out, conclusion(selection), f"The choice cost {cost(selection)}."]


def conclusion(selection: Selection) -> str:
    found, units = selection.confirmation, Units(is_share(selection.metric))
    if found is None:
        return "No candidate gained in the search: train the model as it is."
    gain = f"{units.interval_with_unit(found)} on {len(found.baseline)} pairs not searched on"
    more = ""
    if found.verdict == "unclear" and selection.design is not None:
        more = more_needed(found, selection.design, found.smallest_effect, units)
    if selection.chosen != Candidate():
        doubt = "likely but not shown to help, " if found.mean > 0 else "not shown to hurt, "
        return f"Use {selection.chosen.label}: {'' if found.verdict == 'helps' else doubt}{gain}.{more}"
    margin = f" the margin of {units.size(selection.margin)}" if selection.margin else ""
    return f"Train the model as it is: {selection.proposed.label} did not pass{margin}, {gain}.{more}"


def cost(selection: Selection) -> str:
    minutes = selection.seconds / 60
    time = f"{selection.seconds:.0f} seconds" if minutes < 2 else f"{minutes:.1f} minutes"
    return f"{selection.n_models} trained models, {time}"
