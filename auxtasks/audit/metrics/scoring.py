"""The metrics of labels and predictions that stand alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from auxtasks.audit.metrics.metrics import Metrics
from auxtasks.audit.metrics.outputs import to_numbers
from auxtasks.audit.metrics.problem import Problem


def score(
    names: str | Iterable[str] | None,
    y_true: object,
    y_pred: object,
    *,
    loss: Any = None,
    from_logits: bool | None = None,
    problem: Problem | None = None,
) -> dict[str, float]:
    """Compute metrics of labels and outputs at once, where there are no other labels to know the classes from.

    Parameters
    ----------
    names, loss, from_logits, problem
        As for `Metrics.of`.
    y_true, y_pred : array-like
        As for `Metrics.score`.

    Returns
    -------
    dict of str to float
        As `Metrics.score` has it.

    Raises
    ------
    UnknownNameError, InvalidTypeError, InvalidInputError
        As `Metrics.of` and `Metrics.score`.

    Examples
    --------
    >>> score(["rmse", "mae"], [1.0, float("nan"), 3.0], [2.0, 5.0, 3.5])
    {'rmse': 0.7905694150420949, 'mae': 0.75}
    """
    outputs = to_numbers(y_pred)
    return Metrics.of(names, y_true, outputs.shape, loss=loss, from_logits=from_logits, problem=problem).score(
        y_true, outputs
    )
