"""Why a verdict is what it is, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from auxtasks.audit.paired import Comparison, Verdict


def reason(
    verdict: Verdict,
    against: Comparison,
    over_control: Comparison | None,
    control: Comparison | None,
    learned: Mapping[str, float],
    margin: float,
    level: float,
) -> str:
    """Say why.

    Parameters
    ----------
    verdict : {"helps", "no effect", "hurts"}
        The verdict.
    against : Comparison
        Of the arm with the baseline.
    over_control, control : Comparison or None
        Of the arm with its control, and of this with the baseline.
    learned : mapping of str to float
        The loss over chance of each head.
    margin : float
        The difference that matters.
    level : float
        Up to which a one-sided p-value counts.

    Returns
    -------
    str
        One sentence or two.
    """
    parts = [_verdict_in_words(verdict, against, over_control, control, margin, level)]
    unlearned = [task for task, loss in learned.items() if loss >= 1.0]
    if unlearned:
        parts.append(f"On the test part the head of {', '.join(unlearned)} does no better than a guess.")
    return " ".join(parts)


def _verdict_in_words(
    verdict: Verdict,
    against: Comparison,
    over_control: Comparison | None,
    control: Comparison | None,
    margin: float,
    level: float,
) -> str:
    beyond = " by more than the margin" if margin else ""
    if verdict == "helps":
        if over_control is None:
            return f"Better than the baseline{beyond}; without controls this may be mere regularisation."
        return f"Better than the baseline{beyond}, and than shuffled targets."
    if verdict == "hurts":
        shuffled = ""
        if over_control is not None and over_control.p_below() <= level:
            shuffled = ", and than shuffled targets: its content works against the main task"
        if control is not None and control.p_below(-margin) <= level:
            shuffled += "; shuffled targets hurt too, so that a smaller weight may help"
        return f"Worse than the baseline{beyond}{shuffled}."
    if against.p_above(margin) <= level:
        if over_control is not None and over_control.p_above() > level:
            return (
                f"Better than the baseline{beyond}, but shuffled targets may do as well: it regularises, and that its "
                "content adds anything is not shown."
            )
        return f"Better than the baseline{beyond} if it were the only arm; among several this may be chance."
    if against.p_below(-margin) <= level:
        return f"Worse than the baseline{beyond} if it were the only arm; among several this may be chance."
    if margin and (against.p_above() <= level or against.p_below() <= level):
        return "Differs from the baseline; that it does by more than the margin is not shown."
    return "The difference from the baseline may be chance."
