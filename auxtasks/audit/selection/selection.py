"""What a search has chosen, and what that cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auxtasks.audit.paired import Comparison
from auxtasks.audit.screen.ranking import Ranking
from auxtasks.audit.selection.candidate import Candidate
from auxtasks.audit.selection.search import Step

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
        Of the proposed one with the single task, on seeds the search did not see; None if nothing was proposed.
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

    @property
    def tasks(self) -> tuple[str, ...]:
        """The chosen tasks; empty where nothing passed."""
        return self.chosen.tasks

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
            An `AuxModel` to be compiled, or the very model passed in where no task was chosen.
        """
        from auxtasks.keras.attach import attach_heads

        if not self.tasks:
            return base
        return attach_heads(
            base,
            {task: targets.specs[task] for task in self.tasks},
            at=self.chosen.at,
            weights={task: self.chosen.weight * targets.specs[task].share for task in self.tasks},
            weighting=self.chosen.weighting,
            inputs=targets.inputs,
        )

    def __rich__(self) -> RenderableType:
        """Lay the search out for a console of rich."""
        from auxtasks.audit.selection.table import selection_table

        return selection_table(self)

    def __repr__(self) -> str:
        """Show the choice and what was tried."""
        from auxtasks.audit.screen.table import as_text

        return as_text(self.__rich__())
