"""Which labels make which kind of target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.generic.column import GivenColumn
from auxtasks.generic.label_arrays import Labels
from auxtasks.specs import Kind


@dataclass(frozen=True)
class StepLabels:
    """Labels of shape (n, time) that are known to be classes of single steps, also where all are 0 or 1."""

    labels: Labels


FLOAT_KINDS: Mapping[int, Kind] = {1: "vector", 2: "vector", 3: "step_vector", 4: "image"}
"""The kind of a float column by its number of dimensions."""
CLASS_KINDS: frozenset[Kind] = frozenset({"class", "step_class"})


def kind_of(name: str, labels: Labels) -> Kind:
    """Decide what kind of target labels are.

    Parameters
    ----------
    name : str
        The name of the column, for errors.
    labels : Labels
        The labels.

    Returns
    -------
    str
        The kind, by the table of `auxtasks.generic.given.fit_given`.

    Raises
    ------
    InvalidInputError
        If the labels have a number of dimensions that makes no target, no entry or no label.

    Examples
    --------
    >>> from auxtasks.generic.label_arrays import as_labels
    >>> kind_of("tags", as_labels("tags", [[0, 1], [1, 1]], 2))
    'multilabel'
    """
    values, family = labels.values, labels.family
    if 0 in values.shape:
        raise InvalidInputError(f"`{name}` must not be empty; found shape {values.shape}.")
    if family == "unknown":
        raise InvalidInputError(f"`{name}` has no label at all: all {values.size} are missing. Give at least one.")
    if family == "float" and values.ndim in FLOAT_KINDS:
        return FLOAT_KINDS[values.ndim]
    if family != "float" and values.ndim == 1:
        return "class"
    if family == "integer" and values.ndim == 2:
        return "multilabel" if _are_flags(labels) else "step_class"
    expected = {
        "float": "(n,) to (n, height, width, channels)",
        "integer": "(n,), (n, labels) or (n, time); give numbers of more dimensions as floats",
        "string": "(n,); give columns of strings one by one, or as integers",
    }[family]
    raise InvalidInputError(f"`{name}`: labels of type {family} must have shape {expected}; found {values.shape}.")


def check_like(column: GivenColumn, labels: Labels) -> None:
    """Refuse labels that are not of the type and shape a column was fitted on.

    Parameters
    ----------
    column : GivenColumn
        The fitted column.
    labels : Labels
        Labels of other samples.

    Raises
    ------
    InvalidInputError
        If the shape differs, or a multilabel column holds something else than 0, 1 and -1.
    InvalidTypeError
        If the type differs.
    """
    shape = labels.values.shape[1:]
    if shape != column.shape and not (column.kind == "vector" and column.shape == (1,) and shape == ()):
        raise InvalidInputError(
            f"`{column.name}` was fitted on labels of shape {('n', *column.shape)}; found {labels.values.shape}."
        )
    expected = "string" if column.classes and isinstance(column.classes[0], str) else "integer"
    if column.kind in CLASS_KINDS | {"multilabel"}:
        fits = labels.family == expected or (expected == "integer" and _are_whole(labels))
    else:
        fits = labels.family in ("integer", "float")
        expected = "float"
    if labels.family != "unknown" and not fits:
        raise InvalidTypeError(
            f"`{column.name}` was fitted on labels of type {expected}; found {labels.family}. "
            "Give the same type as for training."
        )
    if column.kind == "multilabel" and not _are_flags(labels):
        raise InvalidInputError(
            f"`{column.name}` was fitted on labels of 0, 1 and -1 (missing); found {labels.values.max()}."
        )


def _are_flags(labels: Labels) -> bool:
    present = labels.values[~labels.missing]
    return bool(np.isin(present, (-1, 0, 1)).all())


def _are_whole(labels: Labels) -> bool:
    present = labels.values[~labels.missing]
    return labels.family == "float" and bool((present == np.floor(present)).all())
