"""Columns of labels that the user gives, as targets beside the computed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auxtasks.errors import InvalidTypeError, unknown_name
from auxtasks.specs import Kind
from auxtasks.targets.raw import empty_target
from auxtasks.targets.tasks import Task, given_task
from auxtasks.typing import Array

if TYPE_CHECKING:
    from auxtasks.label_columns import GivenColumn


@dataclass(frozen=True)
class EncodedColumn:
    """A given column as a target.

    Parameters
    ----------
    task : Task
        What specs are made from.
    kind : str
        The kind of the target.
    array : ndarray
        One row for each original sample.
    """

    task: Task
    kind: Kind
    array: Array


def check_names(given: object, fitted: Mapping[str, GivenColumn] | None) -> None:
    """Refuse what is not a mapping of names, and names that were not fitted."""
    if given is None:
        return
    if not isinstance(given, Mapping) or not all(isinstance(name, str) and name for name in given):
        raise InvalidTypeError(
            f"`given` must map names to columns, such as {{'speaker': labels}}; "
            f"got {type(given).__name__} {given!r:.60}."
        )
    for name in given:
        if fitted is not None and name not in fitted:
            raise unknown_name("given", name, fitted, "given column")


def fit_columns(given: Mapping[str, object], n: int) -> dict[str, GivenColumn]:
    """Learn the kind and the classes of each given column."""
    # Here and not above: importing a family of tasks registers them, and the order of families is the registry's.
    from auxtasks.label_columns import fit_given

    return {name: fit_given(name, values, n) for name, values in given.items()}


def encode_given(
    fitted: Mapping[str, GivenColumn],
    given: Mapping[str, object],
    n: int,
    shapes: Mapping[str, tuple[int, ...]] | None,
    dtype: np.dtype[np.floating],
) -> list[EncodedColumn]:
    """Turn given columns into targets; those not given are missing throughout."""
    from auxtasks.label_columns import encode

    encoded = []
    for name, column in fitted.items():
        if name in given:
            array = encode(column, given[name], n)
        else:
            array = empty_target(column.kind, n, (shapes or {}).get(name, ()), dtype)
        task = given_task(name, column.kind, column.classes or column.columns)
        encoded.append(EncodedColumn(task, column.kind, array))
    return encoded
