"""What a search tries: tasks, soft labels and agreement, with their weight and place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auxtasks.audit.experiment import AGREEMENT, Arm, Settings
from auxtasks.errors import InvalidTypeError
from auxtasks.validation import is_several


@dataclass(frozen=True)
class Candidate:
    """Which tasks, with which weight, where, in how many steps the weight rises, and the name of an agreement.

    Without tasks and agreement it is the model as it is.
    """

    tasks: tuple[str, ...] = ()
    weight: float = 1.0
    at: Any = "auto"
    warm_up: int = 0
    agreement: str = ""

    @property
    def arm(self) -> Arm:
        """The tasks and their weight, as an audit has them; the baseline if there are none."""
        tasks = (*self.tasks, AGREEMENT) if self.agreement else self.tasks
        return Arm(tasks, self.weight if self.tasks else 1.0)

    @property
    def weighting(self) -> Any:
        """What `attach_heads` takes."""
        return {"warm_up": {"steps": self.warm_up}} if self.warm_up else "fixed"

    def settings(self, settings: Settings, agreements: Mapping[str, Any]) -> Settings:
        """Return the settings of an experiment that trains it."""
        if self.tasks:
            settings = replace(settings, at=self.at, weighting=self.weighting)
        return agreeing(settings, agreements[self.agreement]) if self.agreement else settings

    def without_heads(self, taught: Sequence[str]) -> Candidate:
        """Return what of it the main output learns: soft labels and agreement."""
        kept = tuple(task for task in self.tasks if task in taught)
        if kept == self.tasks:
            return self
        return Candidate(kept, self.weight if kept else 1.0, agreement=self.agreement)

    @property
    def label(self) -> str:
        """What is printed."""
        if not self.tasks and not self.agreement:
            return "single task"
        parts = [*self.tasks, *([f"agreement ({self.agreement})"] if self.agreement else [])]
        weight = f", weight {self.weight:.3g}" if self.tasks else ""
        place = "" if self.at == "auto" else f", at {self.at}"
        rise = f", warm-up of {self.warm_up} steps" if self.warm_up else ""
        return f"{' + '.join(parts)}{weight}{place}{rise}"


def agreeing(settings: Settings, agreement: Any) -> Settings:
    """Return settings with a value for the argument `agreement` of `attach_heads`."""
    from auxtasks.keras.agreement import options_of_agreement

    return replace(settings, agreement=options_of_agreement(agreement))


def named_agreements(agreement: Any) -> dict[str, Any]:
    """Give each value for the argument `agreement` of `attach_heads` a name."""
    if not is_several(agreement) or isinstance(agreement, Mapping):
        raise InvalidTypeError(
            "`agreement` must be a list of values for the argument `agreement` of attach_heads, such as ['shifts', "
            f"{{'weak': 'shifts', 'strong': 'shifts_and_turns'}}]; got {agreement!r}."
        )
    found: dict[str, Any] = {}
    for number, value in enumerate(agreement, start=1):
        name = _name(value)
        found[f"{name}, number {number}" if name in found else name] = value
    return found


def _name(change: Any) -> str:
    """Write a change, a list or a mapping of changes in a few words."""
    if isinstance(change, Mapping):
        return ", ".join(f"{key} {_name(part)}" for key, part in change.items())
    if isinstance(change, (list, tuple)):
        return " + ".join(map(_name, change))
    if isinstance(change, (str, int, float)) or change is None:
        return str(change)
    return str(getattr(change, "__name__", type(change).__name__))
