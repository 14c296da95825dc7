"""Loss weights: one for all tasks or one for each, numbers or found from how many labels there are."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.validation import check_number

AUTO = "auto"
Weight = float | str
"""A number, or ``"auto"``."""
_FULL_FROM = 10.0
_LEAST = 0.03
UNCOUNTED = 0.1
"""The automatic weight where labels cannot be counted."""


def automatic_weight(n_labelled: int, n_samples: int) -> float:
    """Return the weight of an auxiliary task that is trained on some labelled and some unlabelled samples.

    Parameters
    ----------
    n_labelled : int
        How many samples have a main label.
    n_samples : int
        How many there are in all.

    Returns
    -------
    float
        From 0.03, where all are labelled, to 1.

    Notes
    -----
    ``(unlabelled / labelled) / 10``, between 0.03 and 1. Auxiliary targets gain where they let unlabelled samples join
    the training, and the more of them there are; where all are labelled, a weight of 1 more often loses. A task's
    ``spec.share`` multiplies it: 0.1 for ``std``, ``abs_sum_changes`` and ``reconstruction``, 1 for others. The numbers
    were chosen on the seeds 100 to 102 of twelve data sets together (``benchmarks/gain.py`` reports others).

    Examples
    --------
    >>> automatic_weight(50, 6000), automatic_weight(40, 240), automatic_weight(6000, 6000)
    (1.0, 0.5, 0.03)
    """
    if n_labelled <= 0:
        return 1.0
    return min(max((n_samples - n_labelled) / n_labelled / _FULL_FROM, _LEAST), 1.0)


def checked_weights(weights: Weight | Mapping[str, Weight], known: Mapping[str, Weight]) -> dict[str, Weight]:
    """Return the weight of every task.

    Parameters
    ----------
    weights : float, "auto" or mapping of str to these
        The weight of all tasks, or of some by name.
    known : mapping of str to float or "auto"
        The tasks, with the weight of those that `weights` leaves out.

    Returns
    -------
    dict of str to float or "auto"
        In the order of `known`.

    Raises
    ------
    UnknownNameError
        If there is no such task.
    InvalidTypeError, InvalidInputError
        If a weight is no number, negative or not finite.

    Examples
    --------
    >>> checked_weights({"fft": 3}, {"std": "auto", "fft": 1.0})
    {'std': 'auto', 'fft': 3.0}
    """
    if isinstance(weights, (Real, str)) and not isinstance(weights, bool):
        weights = dict.fromkeys(known, weights if isinstance(weights, str) else float(weights))
    if not isinstance(weights, Mapping):
        raise InvalidTypeError(f"`weights` must be a number, {AUTO!r} or a mapping of names to these; got {weights!r}.")
    for task in weights:
        if task not in known:
            raise unknown_name("weights", task, known, "auxiliary target")
    return {task: _checked(task, weights.get(task, known[task])) for task in known}


def _checked(task: str, weight: Weight) -> Weight:
    if isinstance(weight, str):
        if weight != AUTO:
            raise InvalidInputError(f"`weights`: {task!r} must be a number or {AUTO!r}; got {weight!r}.")
        return weight
    return check_number(f"weights[{task!r}]", weight, low=0.0)
