"""One way of attaching auxiliary tasks, as a search tries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auxtasks.audit.arms import Arm


@dataclass(frozen=True)
class Candidate:
    """Which tasks, with which weight, where, and whether their weight rises slowly.

    Parameters
    ----------
    tasks : tuple of str
        The auxiliary tasks; none for the model as it is.
    weight : float
        Of each.
    at : str or float
        Where the heads go.
    warm_up : int
        In how many steps the weight rises from 0; 0 for not at all.

    Examples
    --------
    >>> Candidate(("fft",), 3.0, at=0.5).label, Candidate().label
    ('fft, weight 3, at 0.5', 'single task')
    """

    tasks: tuple[str, ...] = ()
    weight: float = 1.0
    at: Any = "auto"
    warm_up: int = 0

    @property
    def arm(self) -> Arm:
        """The tasks and their weight, as an audit has them; the baseline if there are none."""
        return Arm(self.tasks, self.weight) if self.tasks else Arm()

    @property
    def weighting(self) -> Any:
        """What `attach_heads` takes."""
        return {"warm_up": {"steps": self.warm_up}} if self.warm_up else "fixed"

    @property
    def label(self) -> str:
        """What is printed."""
        if not self.tasks:
            return "single task"
        place = "" if self.at == "auto" else f", at {self.at}"
        rise = f", warm-up of {self.warm_up} steps" if self.warm_up else ""
        return f"{' + '.join(self.tasks)}, weight {self.weight:.3g}{place}{rise}"
