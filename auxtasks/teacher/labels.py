"""Main labels as a teacher learns them, whatever form they were given in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from auxtasks.columns import read_column
from auxtasks.errors import InvalidInputError
from auxtasks.label_columns import as_labels
from auxtasks.labels import MAIN, are_flags, main_labels, missing_entries, present_rows
from auxtasks.optional import is_dask
from auxtasks.specs import Kind
from auxtasks.typing import Array


@dataclass(frozen=True, eq=False)
class MainLabels:
    """The labels of one output, of all samples.

    `main` is what a model is trained on, -1 or NaN where missing. `kind` is that of soft labels: a distribution over
    `width` classes, so many labels of yes and no, or so many numbers.
    """

    output: str
    main: Array
    kind: Kind
    width: int
    names: tuple[str, ...] = ()  # of the classes, where they were strings

    @property
    def rows(self) -> Array:
        """The numbers of the samples that have a label, for several numbers or flags all of their labels."""
        if self.kind == "distribution":
            return np.flatnonzero(present_rows(self.main))
        return np.flatnonzero(~missing_entries(self.main).reshape(len(self.main), -1).any(axis=1))

    def of(self, rows: slice | Array) -> MainLabels:
        return replace(self, main=self.main[rows])

    def answers(self, rows: Array) -> Array:
        """Return the labels of some samples as an estimator of scikit-learn takes them."""
        labels = self.main[rows]
        if self.kind == "distribution":
            one_hot = labels.ndim == 2 and labels.shape[1] > 1
            return labels.argmax(axis=1) if one_hot else labels.reshape(-1).astype(np.int64)
        wide = labels.reshape(len(labels), -1)
        return wide.astype(np.int64) if self.kind == "multilabel" else wide.astype(np.float64)


def same_labels(one: Array, other: Array) -> bool:
    """Tell whether labels are alike, missing ones and all; their dtypes may differ."""
    return np.array_equal(np.asarray(one, float), np.asarray(other, float), equal_nan=True)


def read_main(y: object, n_original: int, n: int) -> list[MainLabels]:
    """Read the labels of one output or, by name, of several."""
    return [_described(*found) for found in _read(y, n_original, n)]


def _read(y: object, n_original: int, n: int) -> Iterator[tuple[str, Array, tuple[str, ...]]]:
    for output, values in (y if isinstance(y, Mapping) else {MAIN: y}).items():
        numbers, names = numbered(f"y ({output!r})", values)
        yield output, main_labels({output: numbers}, MAIN, n_original, n)[output], names


def main_of(y: object, n_original: int, n: int) -> dict[str, Array]:
    """Return the labels of each output as a model is trained on them."""
    return {output: main for output, main, _ in _read(y, n_original, n)}


def class_names_of(y: object) -> dict[str, tuple[str, ...]]:
    """Return the sorted names of classes that are strings, by output."""
    named = y if isinstance(y, Mapping) else {MAIN: y}
    found = {output: numbered(f"y ({output!r})", values)[1] for output, values in named.items()}
    return {output: names for output, names in found.items() if names}


def numbered(argument: str, values: object, names: Sequence[str] | None = None) -> tuple[object, tuple[str, ...]]:
    """Turn classes that are strings into numbers of their names, by default of these sorted; others stay as they are.

    Missing ones become -1. Strings that are none of given names are refused.
    """
    if values is None or is_dask(values):  # refused or read where labels are brought to their length
        return values, ()
    read = read_column(f"`{argument}`", values)
    if read.family != "string":
        return values, ()
    labels = as_labels(argument, read, None)
    found = np.unique(labels.values[~labels.missing])
    classes = found if names is None else np.array(sorted(names), object)
    unknown = np.setdiff1d(found, classes)
    if len(unknown):
        known = f"the classes are {', '.join(map(repr, classes))}" if len(classes) else "the other labels are numbers"
        raise InvalidInputError(f"`{argument}` holds the class {unknown[0]!r}, and {known}; use the same in both.")
    codes = np.full(labels.values.shape, -1, np.int32)
    codes[~labels.missing] = np.searchsorted(classes, labels.values[~labels.missing])
    return codes, tuple(map(str, classes))


def _described(output: str, main: Array, names: tuple[str, ...]) -> MainLabels:
    """Tell by its labels what an output predicts."""
    wide = main.reshape(len(main), -1)
    present = wide[~missing_entries(wide).any(axis=1)]
    if main.ndim > 2 or not len(present):
        what = f"shape {main.shape}" if len(present) else "no label at all"
        raise InvalidInputError(
            f"`y` ({output!r}): soft labels need one label, or one row of labels, for each sample, with some present; "
            f"found {what}. Leave `y` out, or the task 'soft_labels'."
        )
    whole = main.dtype.kind in "iu" or (wide.shape[1] == 1 and bool(np.isin(present, (0, 1)).all()))
    if wide.shape[1] == 1 and whole:
        if present.min() < 0:
            raise InvalidInputError(
                f"`y` ({output!r}): classes are numbered from 0, and -1 stands for a missing label; found "
                f"{present.min()}. Number the classes, such as by np.unique(y, return_inverse=True)."
            )
        return MainLabels(output, main, "distribution", max(2, int(present.max()) + 1, len(names)), names)
    if wide.shape[1] > 1 and bool(np.isin(present, (0, 1)).all()) and bool((present.sum(axis=1) == 1).all()):
        return MainLabels(output, main, "distribution", wide.shape[1])
    if wide.shape[1] > 1 and are_flags(wide):
        return MainLabels(output, main, "multilabel", wide.shape[1])
    if main.dtype.kind in "iu":
        raise InvalidInputError(
            f"`y` ({output!r}) holds integers of shape {main.shape}, which are neither classes nor labels of 0 and 1; "
            "pass numbers to be predicted as floats."
        )
    return MainLabels(output, main, "vector", wide.shape[1])
