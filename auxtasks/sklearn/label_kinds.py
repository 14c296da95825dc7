"""Learning what the main labels are: classes, flags or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from auxtasks.errors import InvalidInputError
from auxtasks.sklearn.labels import Labels
from auxtasks.sklearn.reading_y import plain, read_y
from auxtasks.typing import Array


def fit_classes(y: Any, unlabelled: Any) -> Labels:
    """Learn the classes.

    Parameters
    ----------
    y : array-like, shape (n,) or (n, outputs)
        Classes of any kind, or flags of labels that do not exclude each other.
    unlabelled : object
        What stands for a missing label, beside NaN and None.

    Returns
    -------
    Labels
        With the classes of each column, sorted.

    Raises
    ------
    ValueError
        If these are no classes, or fewer than two.
    """
    array, missing = read_y(y, unlabelled)
    if missing.all(axis=0).any():
        where = "" if array.ndim == 1 else f" in column {missing.all(axis=0).argmax()}"
        raise InvalidInputError(f"`y` holds no label at all among its {len(array)} samples{where}; give some.")
    complete = plain(_filled(array, missing))
    check_classification_targets(complete)
    kind = type_of_target(complete)
    if kind == "multilabel-indicator":
        return Labels(kind, array.shape[1], (np.arange(array.shape[1]),), unlabelled)
    table, gaps = array.reshape(len(array), -1), missing.reshape(len(array), -1)
    classes = tuple(np.unique(plain(table[~gaps[:, i], i])) for i in range(table.shape[1]))
    for found in classes:
        if len(found) < 2:
            where = f" Entries of {unlabelled!r} were taken for missing labels; if that is a class, pass unlabelled="
            raise InvalidInputError(
                f"`y` must hold at least two classes among the labels; found 1 class, {found[0]!r}."
                f"{where + 'None.' if missing.any() else ''}"
            )
    return Labels(kind if len(classes) > 1 else _kind_of(classes[0]), table.shape[1], classes, unlabelled)


def fit_numbers(y: Any) -> Labels:
    """Learn how many numbers are to be predicted.

    Parameters
    ----------
    y : array-like, shape (n,) or (n, outputs)
        Numbers; NaN where missing.

    Returns
    -------
    Labels
        Without classes.

    Raises
    ------
    InvalidInputError
        If these are no numbers, or all are missing.
    """
    array, missing = read_y(y)
    if array.dtype.kind not in "biuf" and not all(isinstance(v, (int, float, np.number)) for v in array[~missing]):
        raise InvalidInputError(f"`y` must hold numbers; got dtype {array.dtype}, such as {array.flat[0]!r}.")
    if missing.all():
        raise InvalidInputError(
            f"`y` holds no number at all among its {len(array)} samples; input y contains NaN only."
        )
    columns = array.shape[1] if array.ndim == 2 else 1
    return Labels("continuous" if array.ndim == 1 else "continuous-multioutput", columns)


def _filled(array: Array, missing: Array) -> Array:
    """Put some label of its column into each gap, so that samples with some of their labels tell the kind too."""
    filled = array.copy()
    table, gaps = filled.reshape(len(array), -1), missing.reshape(len(array), -1)
    for column, gap in zip(table.T, gaps.T, strict=True):
        column[gap] = column[~gap][0]
    return filled


def _kind_of(classes: Array) -> str:
    return "binary" if len(classes) == 2 else "multiclass"
