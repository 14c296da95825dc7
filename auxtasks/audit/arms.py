"""What is trained in an audit: the baseline, every task, all together, and the same with shuffled targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Arm:
    """One way of training the model.

    Parameters
    ----------
    tasks : tuple of str
        The auxiliary tasks; none for the baseline.
    weight : float
        What the loss weights of the tasks are multiplied by.
    shuffled : bool
        Whether each task's targets are those of other samples: the control.

    Examples
    --------
    >>> Arm(("std", "fft"), 3.0).label, Arm(("std",), shuffled=True).label, Arm().label
    ('std + fft ×3', 'std, shuffled', 'baseline')
    """

    tasks: tuple[str, ...] = ()
    weight: float = 1.0
    shuffled: bool = False

    @property
    def label(self) -> str:
        """What reports call it."""
        if not self.tasks:
            return "baseline"
        times = "" if self.weight == 1.0 else f" ×{self.weight:g}"
        return " + ".join(self.tasks) + times + (", shuffled" if self.shuffled else "")

    @property
    def control(self) -> Arm:
        """The same with shuffled targets."""
        return Arm(self.tasks, self.weight, shuffled=True)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; `from_dict` is the inverse."""
        return {**asdict(self), "tasks": list(self.tasks)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Arm:
        """Make an arm from what `to_dict` returned."""
        return cls(**{**fields, "tasks": tuple(fields["tasks"])})


BASELINE = Arm()


def arms_of(tasks: Sequence[str], weights: Sequence[float], *, together: bool, controls: bool) -> list[Arm]:
    """List the arms of an audit, the baseline first.

    Parameters
    ----------
    tasks : sequence of str
        The auxiliary tasks.
    weights : sequence of float
        The weights to try each with.
    together : bool
        Whether to train all tasks at once too; with one task that is the same.
    controls : bool
        Whether each arm comes with its control.

    Returns
    -------
    list of Arm
        Each control right after its arm.

    Examples
    --------
    >>> [arm.label for arm in arms_of(["std", "fft"], [1.0], together=True, controls=False)]
    ['baseline', 'std', 'fft', 'std + fft']
    """
    groups = [(task,) for task in tasks] + ([tuple(tasks)] if together and len(tasks) > 1 else [])
    arms = [Arm(group, weight) for group in groups for weight in weights]
    return [BASELINE, *(each for arm in arms for each in ((arm, arm.control) if controls else (arm,)))]
