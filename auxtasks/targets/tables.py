"""Tables: columns by name, of numbers and of categories, as samples of domain "any"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from auxtasks.columns import is_column, is_missing, plain_array
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, warn_user
from auxtasks.targets.samples import Dense, checked_values, to_array
from auxtasks.typing import Array

MOST_CATEGORIES = 100
"""A column of more different texts, such as names, is no target; the model reads it all the same."""


@dataclass(frozen=True)
class TableColumn:
    """What was learned of a column: how many numbers it holds a row, or which categories."""

    name: str
    width: int = 1  # of the numbers
    categories: tuple[str, ...] | None = None  # sorted; empty if there are too many to learn, None for numbers

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the numbers that stand for it among the targets."""
        if self.categories is not None:
            return tuple(f"{self.name}={category}" for category in self.categories)
        return (self.name,) if self.width == 1 else tuple(f"{self.name}[{i}]" for i in range(self.width))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> TableColumn:
        known = fields["categories"]
        return cls(fields["name"], fields["width"], None if known is None else tuple(known))


@dataclass(frozen=True)
class Table(Dense):
    """Samples in columns; `inputs` holds them side by side, categories as one column of 0 and 1 each."""

    columns: Mapping[str, Array]  # what the model reads
    kinds: tuple[TableColumn, ...]

    def take(self, rows: Any) -> Table:
        columns = {name: column[rows] for name, column in self.columns.items()}
        return replace(self, inputs=self.inputs[rows], columns=columns)


def model_inputs(samples: Any) -> Any:
    return samples.columns if isinstance(samples, Table) else samples.inputs


def count_rows(inputs: Any) -> int:
    return len(next(iter(inputs.values()))) if isinstance(inputs, Mapping) else len(inputs)


def is_table(X: object) -> bool:
    """Tell whether inputs are columns by name: a mapping, or a data frame with columns that are no numbers."""
    if isinstance(X, Mapping):
        return True
    if not hasattr(X, "columns") or not is_column(X) or not all(isinstance(name, str) for name in _names(X)):
        return False
    return any(_is_categorical(X[name], plain_array(X[name])) for name in _names(X))  # type: ignore[index]


def _names(X: Any) -> list[Any]:
    return list(getattr(X, "column_names", X.columns))


def read_table(X: Any, fitted: tuple[TableColumn, ...]) -> Table:
    """Check the columns of a table, and lay them side by side; the columns are fitted unless they are known."""
    names = list(X) if isinstance(X, Mapping) else _names(X)
    wrong = [name for name in names if not isinstance(name, str) or not name]
    if wrong or not names:
        raise InvalidTypeError(f"`X` must map names to columns, such as {{'age': array}}; got {abbreviated(X)}.")
    if fitted:
        _check_names(names, [column.name for column in fitted])
        names = [column.name for column in fitted]
    columns = {name: _column(name, X[name]) for name in names}
    _check_lengths(columns)
    kinds = fitted or tuple(_fitted(name, X[name], column) for name, column in columns.items())
    blocks = [_encoded(kind, X[kind.name], columns[kind.name]) for kind in kinds]
    matrix = np.concatenate(blocks, axis=1)
    if not matrix.shape[1]:
        raise InvalidInputError(
            f"`X`: no column has numbers, or at most {MOST_CATEGORIES} different categories, to be learned; found "
            f"{', '.join(map(repr, names))}."
        )
    compute: np.dtype[np.floating] = np.dtype(np.float32) if matrix.dtype.itemsize <= 4 else np.dtype(np.float64)
    table = Table(matrix, add_channel=False, compute=compute, columns=columns, kinds=kinds)
    checked_values(table, "any")
    return table


def _check_names(found: list[str], expected: list[str]) -> None:
    lacking, unknown = [n for n in expected if n not in found], [n for n in found if n not in expected]
    if lacking or unknown:
        what = f"lacks the columns {lacking}" if lacking else f"has the columns {unknown} too"
        raise InvalidInputError(f"`X` {what}; the training inputs had {expected}. Pass the columns of training.")


def _column(name: str, values: Any) -> Array:
    """Return a column as the model reads it: an array of numbers or of texts, a row for each sample."""
    if not isinstance(values, np.ndarray) and hasattr(values, "numpy") and not is_column(values):
        values = values.numpy()
    array = plain_array(values)
    if array.dtype.kind == "O" and all(isinstance(entry, bytes) for entry in array.flat):
        array = np.array([entry.decode() for entry in array.flat], object).reshape(array.shape)
    if array.dtype.kind == "U":
        array = array.astype(object)
    if not 1 <= array.ndim <= 2 or 0 in array.shape:
        raise InvalidInputError(
            f"`X[{name!r}]` must have the shape (n,) or (n, d); found {array.shape}. Pass images, series or texts as "
            "`X` alone, with their own domain, and the mapping to attach_heads as `samples`."
        )
    gaps = [at for at, entry in enumerate(array.flat) if is_missing(entry)] if array.dtype == object else []
    if gaps:
        raise InvalidInputError(
            f"`X[{name!r}]` has a missing value, first in row {gaps[0] // (array.size // len(array))}; fill such "
            "values first, texts with one of their own such as 'unknown', or leave such samples out."
        )
    # Keras takes texts as arrays of one axis alone.
    return array[:, 0] if array.dtype == object and array.shape[1:] == (1,) else array


def _check_lengths(columns: Mapping[str, Array]) -> None:
    first, n = next((name, len(column)) for name, column in columns.items())
    for name, column in columns.items():
        if len(column) != n:
            raise InvalidInputError(
                f"`X[{name!r}]` has {len(column)} rows, and `X[{first!r}]` has {n}; each column needs one row per "
                "sample."
            )


def _is_categorical(values: Any, array: Array) -> bool:
    """Tell whether a column is of texts, or of the categories of a data frame."""
    if hasattr(getattr(values, "dtype", None), "categories"):
        return True
    texts = array.dtype == object and any(isinstance(entry, (str, bytes)) for entry in array.flat)
    return texts or array.dtype.kind in "UT"


def _fitted(name: str, values: Any, array: Array) -> TableColumn:
    if not _is_categorical(values, array):
        return TableColumn(name, array.size // len(array))
    if array.size != len(array):
        raise InvalidInputError(f"`X[{name!r}]` has texts of shape {array.shape}; give columns of texts one by one.")
    categories = sorted(set(map(str, array.flat)))
    if len(categories) > MOST_CATEGORIES:
        warn_user(
            f"the column {name!r} has {len(categories)} different texts, more than {MOST_CATEGORIES}, and is left out "
            "of the targets; the model still reads it."
        )
        categories = []
    return TableColumn(name, categories=tuple(categories))


def _encoded(kind: TableColumn, values: Any, array: Array) -> Array:
    """Return the numbers that stand for a column: a category that training did not have is none of them."""
    if kind.categories is None:
        if _is_categorical(values, array):
            raise InvalidTypeError(f"`X[{kind.name!r}]` holds texts, but held numbers in training; pass numbers.")
        numbers = to_array(array, f"X[{kind.name!r}]").reshape(len(array), -1)
        if numbers.shape[1] != kind.width:
            raise InvalidInputError(
                f"`X[{kind.name!r}]` has {numbers.shape[1]} numbers per row, but had {kind.width} in training."
            )
        return numbers if numbers.dtype.kind == "f" else numbers.astype(np.float64)
    labels = np.array(list(map(str, array.flat)), object)
    encoded: Array = (labels[:, np.newaxis] == np.array(kind.categories, object)).astype(np.float32)
    return encoded


def refused_table(by: str) -> InvalidInputError:
    """Return the error to raise where samples are drawn from one array."""
    return InvalidInputError(
        f"`X` holds columns by name, which {by} does not take; pass one array of numbers, (n, columns), with "
        "categories encoded. make_aux_targets and attach_heads take columns by name."
    )
