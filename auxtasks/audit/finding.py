"""What an audit says of one arm."""

from __future__ import annotations

from dataclasses import dataclass

from auxtasks.audit.arms import Arm
from auxtasks.audit.paired import Comparison, Verdict


@dataclass(frozen=True)
class Finding:
    """The verdict about one arm, and what it rests on.

    Parameters
    ----------
    arm : Arm
        What was trained.
    verdict : {"helps", "no effect", "hurts"}
        Against the margin, adjusted for the number of arms.
    because : str
        The reason, in a sentence.
    comparison : Comparison
        Of the judged metric with the baseline, pair by pair; differences are signed so that up is better.
    over_control : Comparison or None
        Of the same metric with the arm of shuffled targets; None without controls.
    control : Comparison or None
        Of the arm of shuffled targets with the baseline.
    p : float
        The adjusted p-value of the verdict's direction.
    relevance : float
        How well a linear model tells the main label from the targets: 0 as a guess, 1 without error. NaN where it could
        not be found out.
    learned : float
        The median of the tasks' losses over chance on the test part, the worst of the tasks; 1 is a guess.
    cost : float
        The time of training over that of the baseline, the median of the pairs.
    """

    arm: Arm
    verdict: Verdict
    because: str
    comparison: Comparison
    over_control: Comparison | None
    control: Comparison | None
    p: float
    relevance: float
    learned: float
    cost: float
