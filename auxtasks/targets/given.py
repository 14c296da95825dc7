"""Columns of labels that the user gives, as targets beside the computed ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auxtasks.errors import InvalidTypeError, unknown_name
from auxtasks.label_columns import GivenColumn, encode, fit_given
from auxtasks.targets.raw import RawTarget, empty_target


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
    return {name: fit_given(name, values, n) for name, values in given.items()}


def encode_given(
    fitted: Mapping[str, GivenColumn],
    given: Mapping[str, object],
    n: int,
    shapes: Mapping[str, tuple[int, ...]],
    dtype: np.dtype[np.floating],
) -> list[RawTarget]:
    """Turn given columns into targets, one row for each original sample; those not given are missing throughout."""
    encoded = []
    for name, column in fitted.items():
        if name in given:
            array = encode(column, given[name], n)
        else:
            array = empty_target(column.kind, n, shapes.get(name, ()), dtype)
        encoded.append(RawTarget(name, column.kind, array.shape[1:], array))
    return encoded
