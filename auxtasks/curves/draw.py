"""Figures from labels and predictions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from auxtasks.audit.metrics.problem import Problem
from auxtasks.audit.report.figures.style import house_style
from auxtasks.curves.axes import draw_both
from auxtasks.curves.confusion import draw_confusion
from auxtasks.curves.decisions import decisions_of
from auxtasks.errors import AuxTasksWarning

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_curves(
    y_true: Any,
    y_pred: Any,
    *,
    task: str = "main",
    problem: Problem | None = None,
    from_logits: bool | None = None,
    loss: Any = None,
    classes: Sequence[str] | None = None,
) -> dict[str, Figure]:
    """Draw the ROC and precision-recall curves and the confusion matrix of one task.

    Parameters
    ----------
    y_true : array-like
        Class numbers, one-hot rows, or 0 and 1 for each of several labels; -1 (integers) or NaN (floats) where missing.
    y_pred : array-like
        What the model puts out: probabilities, or logits.
    task : str, default "main"
        What the figures are called.
    problem : {"binary", "multiclass", "multilabel"}, optional
        What is decided, where labels and outputs leave it open.
    from_logits : bool, optional
        Whether predictions are logits; by default what the loss says, and else that they are probabilities.
    loss : str or keras.losses.Loss, optional
        The loss of the model, which may say both.
    classes : sequence of str, optional
        The names of the classes or labels; their numbers by default.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        ``"curves"`` and ``"confusion"``; nothing for numbers.

    Raises
    ------
    InvalidTypeError, InvalidInputError, UnknownNameError
        If labels and predictions do not fit each other.

    Warns
    -----
    AuxTasksWarning
        If no class has both samples of it and others, so that there are no curves.

    Notes
    -----
    Of several classes each is drawn against the rest, and beside them the mean of the classes (macro: the mean of the
    curves and of the areas) and all decisions pooled (micro). The area under precision and recall is the average
    precision. Classes that none or all of the samples are of have no curve; the figure names them, and the mean of the
    classes leaves them out. Of more than 14 classes the five with the lowest average precision are named and the others
    grey. The dotted lines are what guessing gives.

    Examples
    --------
    >>> sorted(draw_curves([0, 1, 1, 0], [0.2, 0.7, 0.4, 0.6]))
    ['confusion', 'curves']
    """
    found = decisions_of(y_true, y_pred, problem=problem, from_logits=from_logits, loss=loss, names=classes)
    if found is None:
        return {}
    with house_style():
        figures = {}
        if found.drawn:
            figures["curves"] = draw_both(task, found)
        else:
            warnings.warn(
                f"{task!r} has no curves: no class has samples of it and others among those with a label.",
                AuxTasksWarning,
                stacklevel=2,
            )
        figures["confusion"] = draw_confusion(task, found)
    return figures
