"""Loss weights: one number for all tasks, or one for each."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real

from auxtasks.errors import InvalidTypeError, unknown_name
from auxtasks.validation import check_number


def checked_weights(weights: float | Mapping[str, float], known: Mapping[str, float]) -> dict[str, float]:
    """Return the weight of every task.

    Parameters
    ----------
    weights : float or mapping of str to float
        The weight of all tasks, or of some by name.
    known : mapping of str to float
        The tasks, with the weight of those that `weights` leaves out.

    Returns
    -------
    dict of str to float
        In the order of `known`.

    Raises
    ------
    UnknownNameError
        If there is no such task.
    InvalidTypeError, InvalidInputError
        If a weight is no number, negative or not finite.

    Examples
    --------
    >>> checked_weights({"fft": 3}, {"std": 1.0, "fft": 1.0})
    {'std': 1.0, 'fft': 3.0}
    """
    if isinstance(weights, Real) and not isinstance(weights, bool):
        weights = dict.fromkeys(known, float(weights))
    if not isinstance(weights, Mapping):
        raise InvalidTypeError(f"`weights` must be a number or a mapping of names to numbers; got {weights!r}.")
    for task in weights:
        if task not in known:
            raise unknown_name("weights", task, known, "auxiliary target")
    return {task: check_number(f"weights[{task!r}]", weights.get(task, known[task]), low=0.0) for task in known}
