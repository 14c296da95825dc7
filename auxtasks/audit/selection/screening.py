"""Which tasks are worth training with, by what linear models say."""

from __future__ import annotations

from auxtasks.audit.screen.ranking import Ranking

_SAME = 0.99


def screened(ranking: Ranking) -> tuple[tuple[str, ...], dict[str, str]]:
    """Leave out what cannot help.

    Parameters
    ----------
    ranking : Ranking
        The screen.

    Returns
    -------
    tuple of str, dict of str to str
        The tasks to try, in order of promise, and for each of the others the reason.
    """
    kept: list[str] = []
    left_out: dict[str, str] = {}
    for row in ranking:
        if row.missing == 1.0:
            left_out[row.task] = "all its values are missing."
        elif row.from_label >= _SAME:
            left_out[row.task] = "the main label gives it away."
        elif row.triviality >= _SAME:
            left_out[row.task] = "it is a linear function of the input."
        elif row.redundancy >= _SAME and row.redundant_with in kept:
            left_out[row.task] = f"{row.redundant_with} says the same."
        else:
            kept.append(row.task)
    return tuple(kept), left_out
