"""Labels and predictions, laid out by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from auxtasks.audit.metrics.evidence import Evidence, gather
from auxtasks.audit.metrics.labels import read_labels
from auxtasks.audit.metrics.metrics import Metrics
from auxtasks.audit.metrics.outputs import to_numbers
from auxtasks.audit.metrics.problem import Problem, without_last_one
from auxtasks.curves.classes import ClassDecisions, Decisions
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.typing import Array

_TOLERANCE = 0.01
"""How far outside 0 to 1 a rounded probability may lie."""


def decisions_of(
    y_true: Any,
    y_pred: Any,
    *,
    problem: Problem | None = None,
    from_logits: bool | None = None,
    loss: Any = None,
    names: Sequence[str] | None = None,
) -> Decisions | None:
    """Lay the labels and predictions of one task out, without what is missing.

    Parameters
    ----------
    y_true, y_pred, problem, from_logits, loss
        As for `auxtasks.audit.metrics.score`.
    names : sequence of str, optional
        Of the classes; their numbers by default.

    Returns
    -------
    Decisions, or None
        None for numbers, which have no such curves.

    Raises
    ------
    InvalidTypeError, InvalidInputError, UnknownNameError
        If labels and predictions do not fit each other, or there are too few or too many names.

    Examples
    --------
    >>> found = decisions_of([0, 1, -1], [[0.9], [0.8], [0.3]])
    >>> found.problem, found.names, found.classes[0].scores.tolist()
    ('binary', ('0', '1'), [0.9, 0.8])
    """
    if isinstance(names, (str, bytes)):
        raise InvalidTypeError(f"`classes` must be the names of the classes; got the single name {names!r}.")
    labels, outputs = without_last_one(read_labels("y_true", y_true)), to_numbers(y_pred)
    chosen = Metrics.of(None, labels, outputs.shape, loss=loss, from_logits=from_logits, problem=problem)
    if chosen.problem == "regression":
        return None
    _check_scale(outputs, chosen)
    n_classes = 2 if chosen.problem == "binary" else outputs.shape[-1]
    known = tuple(map(str, range(n_classes) if names is None else names))
    if len(known) != n_classes:
        raise InvalidInputError(f"`classes` must name the {n_classes} classes; got {len(known)} names.")
    if chosen.problem == "multilabel":
        if labels.size != outputs.size:
            raise InvalidInputError(
                f"`y_true` must have 0 or 1 for each output of several labels; found shape {labels.shape} and outputs "
                f"of shape {outputs.shape}."
            )
        labels, outputs = labels.reshape(-1, n_classes), outputs.reshape(-1, n_classes)
        # One by one, since a sample of which some labels are missing has the others.
        each = [_gathered(labels[:, at], outputs[:, at], "binary", chosen) for at in range(n_classes)]
        _check_any(each)
        classes = [_class(name, found, 0) for name, found in zip(known, each, strict=True)]
        return Decisions(chosen.problem, tuple(classes), known, labels[:0, 0], labels[:0, 0])
    found = _gathered(labels, outputs, chosen.problem, chosen)
    _check_any([found])
    own = known[1:] if chosen.problem == "binary" else known
    classes = [_class(name, found, column) for column, name in enumerate(own)]
    return Decisions(chosen.problem, tuple(classes), known, found.truth, found.predicted)


def _check_scale(outputs: Array, chosen: Metrics) -> None:
    if chosen.scale != "probabilities" or not np.isfinite(outputs).any():
        return
    low, high = np.nanmin(outputs), np.nanmax(outputs)
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        raise InvalidInputError(
            f"`y_pred` must be probabilities, and goes from {low:.3g} to {high:.3g}; for logits pass from_logits=True."
        )


def _gathered(labels: Array, outputs: Array, problem: Problem, chosen: Metrics) -> Evidence:
    found = gather(labels, outputs, problem, scale=chosen.scale, signed=chosen.signed, classes=())
    # Steps beyond the end of a text are predicted as NaN.
    finite = np.isfinite(found.scores).all(axis=1)
    return replace(found, truth=found.truth[finite], predicted=found.predicted[finite], scores=found.scores[finite])


def _check_any(each: Sequence[Evidence]) -> None:
    if not any(len(found.truth) for found in each):
        raise InvalidInputError("`y_pred` has no finite prediction for any sample that has a label.")


def _class(name: str, found: Evidence, column: int) -> ClassDecisions:
    members = found.members[:, column]
    number = 1 if found.problem == "binary" else column
    return ClassDecisions(name, members, found.scores[:, column], found.predicted == number)
