"""What is fused, checked: one array with the predictors along its first axis, and how much each counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.typing import Array
from auxtasks.validation import check_number


def read_predictors(predictions: Any) -> tuple[tuple[str, ...] | None, Array]:
    """Stack predictions of the same samples.

    Parameters
    ----------
    predictions : sequence or mapping of array-like, or array
        As `auxtasks.fuse` takes them.

    Returns
    -------
    names : tuple of str, or None
        Those of a mapping.
    stacked : ndarray, shape (predictors, n, ...)
        Booleans, integers or floats.

    Raises
    ------
    InvalidInputError, InvalidTypeError
        If there is none, or they differ in shape or are no numbers.
    """
    if isinstance(predictions, Mapping):
        names = tuple(predictions)
        return names, _stack([f"{name!r}" for name in names], list(predictions.values()))
    if not isinstance(predictions, Sequence) and not hasattr(predictions, "__array__"):
        raise InvalidTypeError(
            "`predictions` must be a list or mapping of arrays, one for each predictor, or one stacked array; got "
            f"{type(predictions).__name__}."
        )
    parts = list(predictions) if isinstance(predictions, Sequence) else list(np.asarray(predictions))
    return None, _stack([f"number {number}" for number in range(len(parts))], parts)


def _stack(labels: list[str], parts: list[Any]) -> Array:
    if not parts:
        raise InvalidInputError("`predictions` holds none; pass at least one.")
    arrays = [_read(label, part) for label, part in zip(labels, parts, strict=True)]
    for label, array in zip(labels, arrays, strict=True):
        if array.shape != arrays[0].shape:
            raise InvalidInputError(
                f"`predictions` must have one shape, (n, ...); {labels[0]} has {arrays[0].shape} and {label} has "
                f"{array.shape}."
            )
    kinds = {array.dtype.kind for array in arrays}
    if "f" in kinds and len(kinds) > 1:
        raise InvalidTypeError(
            "`predictions` must all be floats (probabilities, numbers) or all integers (classes); found "
            f"{', '.join(sorted({array.dtype.name for array in arrays}))}."
        )
    # Together, signed and unsigned integers would become floats, and classes probabilities.
    return np.stack(arrays if len(kinds) == 1 else [array.astype(np.int64) for array in arrays])


def _read(label: str, part: Any) -> Array:
    if isinstance(part, Mapping):
        raise InvalidTypeError(
            f"`predictions`: {label} is a mapping of several outputs. Fuse them one by one: "
            "{name: fuse([each[name] for each in predictions]) for name in predictions[0]}."
        )
    try:
        array = np.asarray(part)
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"`predictions`: {label} cannot be read as an array: {error}") from error
    if array.dtype.kind not in "biuf":
        raise InvalidTypeError(
            f"`predictions` must hold numbers; {label} has dtype {array.dtype}, shape {array.shape}. Number classes "
            "that have names first: np.unique(names, return_inverse=True)."
        )
    if not array.ndim:
        raise InvalidInputError(
            f"`predictions`: {label} must hold an entry for each sample; found a single number. For one predictor pass "
            "[prediction]."
        )
    return array


def checked_weights(weights: Any, names: tuple[str, ...] | None, n: int) -> Array:
    """Return how much each predictor counts.

    Parameters
    ----------
    weights : sequence or mapping of float, or None
        As `auxtasks.fuse` takes them.
    names : tuple of str, or None
        The names of the predictors, if they have any.
    n : int
        How many there are.

    Returns
    -------
    ndarray of float, shape (n,)
        The weights, not all 0.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError
        If one is negative, not a number or of a predictor that does not exist; if there are too many or too few, or all
        are 0.
    """
    if weights is None:
        return np.ones(n)
    if isinstance(weights, Mapping):
        if names is None:
            raise InvalidTypeError("`weights` by name need `predictions` by name; pass one number for each predictor.")
        for name in weights:
            if name not in names:
                raise unknown_name("weights", name, names, "predictor")
        weights = [weights.get(name, 1.0) for name in names]
    if isinstance(weights, (str, bytes)) or np.ndim(weights) != 1:
        raise InvalidTypeError(f"`weights` must be one number for each predictor; got {weights!r}.")
    if len(weights) != n:
        raise InvalidInputError(f"`weights` must have one entry for each of the {n} predictors; got {len(weights)}.")
    found = np.array([check_number("weights", weight, low=0.0) for weight in weights])
    if not found.any():
        raise InvalidInputError("`weights` are all 0, so that no predictor is left; give one of them more.")
    return found
