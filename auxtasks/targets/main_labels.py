"""The user's own labels, beside the targets and of the same length."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.typing import Array


def main_labels(y: object, name: str, n_labelled: int, n: int) -> dict[str, Array]:
    """Bring main labels to the length of the targets.

    Parameters
    ----------
    y : array-like or mapping of str to array-like
        Labels of the first samples, for all of them or for fewer; a mapping for several main outputs.
    name : str
        The key for labels that are not a mapping.
    n_labelled : int
        How many samples can have a label: the originals, not transformed copies.
    n : int
        How many samples there are.

    Returns
    -------
    dict of str to ndarray
        Each of length n; -1 (integers) or NaN (floats) where there is no label.

    Raises
    ------
    InvalidTypeError
        If labels are not numbers.
    InvalidInputError
        If there are none, or more than samples.

    Examples
    --------
    >>> main_labels([1, 0], "main", 3, 4)
    {'main': array([ 1,  0, -1, -1])}
    """
    if not isinstance(name, str) or not name:
        raise InvalidTypeError(f"`name` must be a name; got {name!r} of type {type(name).__name__}.")
    named = y if isinstance(y, Mapping) else {name: y}
    return {key: _extended(_read(values, key), key, n_labelled, n) for key, values in named.items()}


def _read(values: object, key: str) -> Array:
    if values is None:
        raise InvalidTypeError("`y` must hold the main labels; got None. For targets alone, use dict(targets).")
    if hasattr(values, "to_numpy"):
        dtype = getattr(values, "dtype", None)
        # pandas' nullable integers would become floats where one is missing, and classes a regression.
        nullable = not isinstance(dtype, np.dtype) and getattr(dtype, "kind", "") in ("i", "u", "b")
        values = values.to_numpy(dtype=np.int64, na_value=-1) if nullable else values.to_numpy()
    try:
        labels = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidTypeError(f"`y` ({key!r}) cannot be read as an array of labels: {error}") from error
    if labels.dtype.kind == "b":
        return labels.astype(np.int32)
    if labels.dtype.kind not in "iuf":
        raise InvalidTypeError(
            f"`y` ({key!r}) must hold integers or floats; got dtype {labels.dtype}, shape {labels.shape}. Encode such "
            "labels first: classes, y = np.unique(y, return_inverse=True); use -1 where there is no label."
        )
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise InvalidInputError(f"`y` ({key!r}) holds infinite values; use NaN where there is no label.")
    return labels


def _extended(labels: Array, key: str, n_labelled: int, n: int) -> Array:
    if labels.ndim == 0 or not len(labels) or len(labels) > n_labelled:
        found = "a single number" if labels.ndim == 0 else f"shape {labels.shape}"
        raise InvalidInputError(
            f"`y` ({key!r}) must have from 1 to {n_labelled} entries, one for each sample or for the first of them; "
            f"got {found}."
        )
    if len(labels) == n:
        return labels
    dtype = labels.dtype
    if dtype.kind == "u":
        # -1 stands for missing, and needs a sign.
        dtype = np.dtype(np.int32 if dtype.itemsize <= 2 else np.int64)
    extended = np.full((n, *labels.shape[1:]), -1 if dtype.kind == "i" else np.nan, dtype)
    extended[: len(labels)] = labels
    return extended
