"""What comes next: the last steps of a signal, to be predicted from those before."""

from __future__ import annotations

from auxtasks.errors import InvalidInputError
from auxtasks.registry import register_task
from auxtasks.typing import Floats
from auxtasks.validation import check_int


@register_task(
    "next_steps",
    domain="signal",
    kind="vector",
    effect="shortens",
    axes=["step", "channel"],
    source="multiple-output forecasting, Ben Taieb et al. 2012, Expert Syst. Appl. 39(8):7067-7083",
)
def next_steps(X: Floats, *, horizon: int = 5) -> tuple[Floats, Floats]:
    """Last steps of each signal, cut off the inputs.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit, longer than `horizon`.
    horizon : int, default 5
        How many steps to predict.

    Returns
    -------
    inputs : ndarray of float, shape (n, time - horizon, channels)
        The steps before, a view of `X`.
    target : ndarray of float, shape (n, horizon, channels)
        The steps cut off, a view of `X`.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If `horizon` is not an integer of at least 1, or the signals are not longer.

    Notes
    -----
    ``(X[:, :-horizon], X[:, -horizon:])``.

    Examples
    --------
    >>> import numpy as np
    >>> inputs, target = next_steps(np.array([[[1.0], [2.0], [3.0]]]), horizon=1)
    >>> inputs.shape, target
    ((1, 2, 1), array([[[3.]]]))
    """
    steps = check_int("horizon", horizon, low=1)
    if X.shape[1] <= steps:
        raise InvalidInputError(
            f"`horizon` must be smaller than the length of every series; got {steps} for X of shape {X.shape} "
            "(n, time, channels). Choose a smaller horizon or leave short series out."
        )
    return X[:, :-steps], X[:, -steps:]
