"""Label columns that the user gives, for training only, as targets beside the computed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from auxtasks.columns import Column, StepLabels, read_column
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.specs import CLASS_KINDS, Kind
from auxtasks.typing import Array


def by_name(label_columns: Any) -> Any:
    """Return the columns of a data frame by name; a mapping as it is."""
    if isinstance(label_columns, Mapping) or not hasattr(label_columns, "columns") or isinstance(label_columns, type):
        return label_columns
    return {name: label_columns[name] for name in getattr(label_columns, "column_names", label_columns.columns)}


def check_names(label_columns: object, fitted: Mapping[str, LabelColumn] | None) -> None:
    if label_columns is None:
        return
    if not isinstance(label_columns, Mapping) or not all(isinstance(name, str) and name for name in label_columns):
        raise InvalidTypeError(
            f"`label_columns` must map names to columns, such as {{'speaker': labels}}, or be a data frame; "
            f"got {type(label_columns).__name__} {abbreviated(label_columns)}."
        )
    for name in label_columns:
        if fitted is not None and name not in fitted:
            raise unknown_name("label_columns", name, fitted, "label column")


def fit_label_column(name: str, values: object, n: int) -> LabelColumn:
    """Decide from the type and shape of a label column what kind of target it is.

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
    """
    labels = as_labels(name, values, n)
    kind = "step_class" if isinstance(labels, StepLabels) else kind_of(name, labels)
    shape = labels.values.shape[1:] or ((1,) if kind == "vector" else ())
    if kind not in CLASS_KINDS:
        columns = tuple(map(str, getattr(values, "columns", ())))
        return LabelColumn(name, kind, shape, columns=columns)
    present = labels.values[~labels.missing]
    if labels.family == "integer":
        present = present[present >= 0]
    if not present.size:
        raise InvalidInputError(f"`{name}` has no label at all: all are missing (negative). Give at least one.")
    return LabelColumn(name, kind, shape, classes=tuple(np.unique(present).tolist()))


def encode(column: LabelColumn, values: object, n: int | None = None) -> Array:
    labels = as_labels(column.name, values, n)
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


@dataclass(frozen=True)
class LabelColumn:
    """What was learnt of a label column from the training data."""

    name: str  # of the column and of its target
    kind: Kind
    shape: tuple[int, ...]  # of one sample's target, () for a class
    classes: tuple[str | int | bool, ...] = ()  # the label of each class, in the order of the class numbers
    columns: tuple[str, ...] = ()  # the names of the columns of a data frame; empty if there were none

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> LabelColumn:
        known: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in fields.items()}
        return cls(**known)


def as_labels(name: str, values: object, n: int | None) -> Column:
    if isinstance(values, StepLabels):
        return values
    labels = read_column(f"`{name}`", values)
    shape = labels.values.shape
    if not shape or (n is not None and shape[0] != n):
        expected = "each sample" if n is None else f"each of the {n} samples"
        raise InvalidInputError(
            f"`{name:.200}` must have one entry for {expected}; found shape {shape}. "
            "Give labels in the order of the samples, missing ones included."
        )
    if labels.family == "float" and np.isinf(labels.values).any():
        position = tuple(np.argwhere(np.isinf(labels.values))[0].tolist())
        raise InvalidInputError(
            f"`{name}` must be finite, or NaN where missing; found {labels.values[position]} at position {position}."
        )
    if labels.family != "float" and labels.values.shape[1:] == (1,):
        return Column(labels.values[:, 0], labels.missing[:, 0], labels.family)
    return labels


FLOAT_KINDS: Mapping[int, Kind] = {1: "vector", 2: "vector", 3: "step_vector", 4: "image"}
"""The kind of a float column by its number of dimensions."""


def kind_of(name: str, labels: Column) -> Kind:
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


def check_like(column: LabelColumn, labels: Column) -> None:
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


def _are_flags(labels: Column) -> bool:
    present = labels.values[~labels.missing]
    return bool(np.isin(present, (-1, 0, 1)).all())


def _are_whole(labels: Column) -> bool:
    present = labels.values[~labels.missing]
    return labels.family == "float" and bool((present == np.floor(present)).all())
