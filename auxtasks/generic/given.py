"""Label columns that the user gives, for training only, as targets beside the computed ones."""

from __future__ import annotations

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.generic.column import GivenColumn
from auxtasks.generic.label_arrays import as_labels
from auxtasks.generic.label_kinds import CLASS_KINDS, StepLabels, check_like, kind_of
from auxtasks.typing import Array

__all__ = ["GivenColumn", "encode", "fit_given"]


def fit_given(name: str, values: object, n: int) -> GivenColumn:
    """Decide from the type and shape of a label column what kind of target it is.

    Parameters
    ----------
    name : str
        The name of the column.
    values : array-like, n entries
        The labels: an array, a list, a pandas Series or DataFrame.
    n : int
        The number of samples.

    Returns
    -------
    GivenColumn
        What `encode` needs.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If the labels are of a type or shape that is no target, are not `n`, or are all missing.

    Notes
    -----
    ===================================  ===========  ============================  ==================
    labels                               kind         target                        missing
    ===================================  ===========  ============================  ==================
    integers or booleans, (n,)           class        (n,) int32                    negative, NA: -1
    strings or categories, (n,)          class        (n,) int32                    None, NaN: -1
    floats, (n,) or (n, d)               vector       (n, 1) or (n, d) float        NaN
    0/1 integers or booleans, (n, d)     multilabel   (n, d) int8                   -1, NA: -1
    other integers, (n, time)            step_class   (n, time) int32               negative, NA: -1
    floats, (n, time, d)                 step_vector  (n, time, d) float            NaN
    floats, (n, h, w, c)                 image        (n, h, w, c) float            NaN
    ===================================  ===========  ============================  ==================

    Classes are numbered from 0 by their sorted values. Integers or strings of shape (n, 1) are taken as (n,). Whole
    numbers in a float array are numbers, not classes: give classes as integers, with -1 or a nullable type where some
    are missing.

    Examples
    --------
    >>> fit_given("colour", ["red", "blue", None], 3).classes
    ('blue', 'red')
    """
    labels = values.labels if isinstance(values, StepLabels) else as_labels(name, values, n)
    kind = "step_class" if isinstance(values, StepLabels) else kind_of(name, labels)
    shape = labels.values.shape[1:] or ((1,) if kind == "vector" else ())
    if kind not in CLASS_KINDS:
        columns = tuple(map(str, getattr(values, "columns", ())))
        return GivenColumn(name, kind, shape, columns=columns)
    present = labels.values[~labels.missing]
    if labels.family == "integer":
        present = present[present >= 0]
    if not present.size:
        raise InvalidInputError(f"`{name}` has no label at all: all are missing (negative). Give at least one.")
    return GivenColumn(name, kind, shape, classes=tuple(np.unique(present).tolist()))


def encode(column: GivenColumn, values: object, n: int | None = None) -> Array:
    """Turn labels into the target array of a fitted column.

    Parameters
    ----------
    column : GivenColumn
        What `fit_given` returned.
    values : array-like
        The labels, of the training data or others.
    n : int, optional
        The number of samples expected; any by default.

    Returns
    -------
    ndarray
        As the table of `fit_given` says. A class that the training data did not have is missing, -1.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If the labels are not of the type and shape the column was fitted on, or not `n`.

    Examples
    --------
    >>> colour = fit_given("colour", ["red", "blue", None], 3)
    >>> encode(colour, ["red", "green"])
    array([ 1, -1], dtype=int32)
    """
    labels = values.labels if isinstance(values, StepLabels) else as_labels(column.name, values, n)
    check_like(column, labels)
    if column.kind == "multilabel":
        return np.where(labels.missing, -1, labels.values).astype(np.int8)
    if column.kind not in CLASS_KINDS:
        single = labels.values.dtype in (np.float16, np.float32)
        numbers = np.where(labels.missing, np.nan, labels.values).reshape(-1, *column.shape)
        return numbers.astype(np.float32 if single else np.float64, copy=False)
    found, index = np.unique(labels.values, return_inverse=True)
    number = {label: at for at, label in enumerate(column.classes)}
    of_found = np.array([number.get(label, -1) for label in found.tolist()], np.int32)
    return np.where(labels.missing, np.int32(-1), of_found[index.reshape(labels.values.shape)])
