"""What is kept of one trained model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auxtasks.audit.arms import Arm


@dataclass(frozen=True)
class Run:
    """One model, trained and tested.

    Parameters
    ----------
    arm : Arm
        How it was trained.
    seed : int
        Of its initial weights, batches and split; runs of the same seed and fold are a pair.
    fold : int
        The number of the test part; 0 where there is one.
    scores : dict of str to float
        The metrics of the main task on the test part. NaN where one is not defined.
    learned : dict of str to float
        For each auxiliary task its loss on the test part over its chance: below 1 the head learned something. NaN where
        the test part has no targets.
    seconds : float
        The time of `fit`.
    curves : dict of str to list of float
        The losses of each epoch, ``"main"`` and one for each task.
    parts : str
        A fingerprint of the samples that it was trained and tested on.
    """

    arm: Arm
    seed: int
    fold: int
    scores: dict[str, float]
    learned: dict[str, float]
    seconds: float
    curves: dict[str, list[float]]
    parts: str = ""

    @property
    def pair(self) -> tuple[int, int]:
        """What it has in common with the runs it is compared to."""
        return self.seed, self.fold

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; `from_dict` is the inverse."""
        return {**self.__dict__, "arm": self.arm.to_dict()}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Run:
        """Make a run from what `to_dict` returned."""
        return cls(**{**fields, "arm": Arm.from_dict(fields["arm"])})
