"""The main labels as linear models take them: classes, flags or numbers."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from auxtasks.audit.metrics.labels import are_flags, are_signed, missing_entries, read_labels
from auxtasks.audit.metrics.problem import Problem, without_last_one
from auxtasks.audit.screen.columns import frequencies, standardised
from auxtasks.audit.screen.features import CLASSES
from auxtasks.typing import Array, Floats

FEWEST = 10
"""With fewer labelled samples nothing can be told."""


class MainLabels(NamedTuple):
    """Main labels, one row for each sample.

    Parameters
    ----------
    kind : {"classes", "flags", "numbers", "steps"}
        One class for each sample, several yes or no, numbers, or a label for each step of a sample.
    values : ndarray
        Shape (n,) for classes, else (n, columns); not to be read where missing.
    present : ndarray of bool, shape (n,)
        Which samples have a label.
    """

    kind: Literal["classes", "flags", "numbers", "steps"]
    values: Array
    present: Array

    @property
    def problem(self) -> Problem:
        """The kind of problem that has such labels, for a model of samples as a whole."""
        return "multiclass" if self.kind == "classes" else "multilabel" if self.kind == "flags" else "regression"

    @property
    def trouble(self) -> str:
        """Why nothing can be learned from these labels, in words; empty where there is no trouble."""
        n = int(self.present.sum())
        if self.kind == "steps":
            return "the main labels are those of single steps, which a linear model of whole samples cannot tell"
        if n < FEWEST:
            return f"only {n} labelled samples, and {FEWEST} are needed"
        present = self.values[self.present]
        if self.kind == "classes":
            repeated = np.unique(present, return_counts=True)[1] > 1
            if repeated.sum() < 2:
                return (
                    "fewer than two classes have more than one labelled sample (-1 in integers is no label: give -1 "
                    "and 1 of hinge losses as floats)"
                )
        elif (present == present[0]).all():
            return "all main labels are the same"
        return ""

    def columns(self, rows: Array) -> Floats:
        """Return the labels of some labelled samples as centred columns, one for each class, flag or number."""
        chosen = self.values[rows]
        if self.kind == "classes":
            return standardised(frequencies(np.unique(chosen, return_inverse=True)[1], CLASSES), each=False)
        return standardised(chosen.astype(np.float64).reshape(len(chosen), -1))


def read_main_labels(y: object, problem: Problem | None = None) -> MainLabels:
    """Tell which kind of labels there are, and which are missing.

    Parameters
    ----------
    y : array-like
        The labels, one for each sample.
    problem : {"binary", "multiclass", "multilabel", "regression"}, optional
        What they are for, where it is known. Without it integers are classes; floats are classes if all are 0 and 1 or
        -1 and 1; a matrix of 0 and 1 is one-hot if each row holds a single 1, and else holds flags; all other floats
        are numbers.

    Returns
    -------
    MainLabels
        Missing is NaN in floats and -1 in integers, except where labels are -1 and 1 and known to be binary.

    Raises
    ------
    InvalidTypeError
        If labels are not numbers.
    InvalidInputError
        If they are a single number.

    Examples
    --------
    >>> read_main_labels([0, 1, -1]).kind, read_main_labels([[0, 1], [1, 1]]).kind, read_main_labels([0.5, 1.0]).kind
    ('classes', 'flags', 'numbers')
    """
    labels = without_last_one(read_labels("y", y))
    # In integers -1 is a class only where the problem is known to be one of yes and no.
    signed = (labels.dtype.kind == "f" or problem in ("binary", "multilabel")) and are_signed(labels)
    signed = signed and problem != "regression"
    missing = missing_entries(labels, signed=signed)
    present: Array = np.logical_not(missing.reshape(len(labels), -1).any(axis=1))
    flags = are_flags(labels, signed=signed)
    whole = labels.dtype.kind != "f" or flags
    if problem == "regression" or (problem is None and not whole):
        return MainLabels("numbers", labels.reshape(len(labels), -1), present)
    if labels.ndim == 1:
        return MainLabels("classes", labels, present)
    if labels.ndim > 2 or (not flags and problem != "multilabel"):
        return MainLabels("steps", labels, present)
    single = bool(((labels[present] == 1).sum(axis=1) == 1).all())
    if problem in ("binary", "multiclass") or (problem is None and single):
        return MainLabels("classes", labels.argmax(axis=1), present)
    return MainLabels("flags", labels == 1, present)
