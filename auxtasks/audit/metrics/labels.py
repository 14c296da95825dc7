"""Main labels as the metrics read them: which are missing, and which count -1 as a class."""

from __future__ import annotations

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.typing import Array


def read_labels(argument: str, y: object) -> Array:
    """Return labels as an array of numbers.

    Parameters
    ----------
    argument : str
        Their name, for errors.
    y : array-like
        The labels.

    Returns
    -------
    ndarray
        Of a boolean, integer or floating dtype, with an axis of samples at least.

    Raises
    ------
    InvalidTypeError
        If they are not numbers.
    InvalidInputError
        If they are a single number.

    Examples
    --------
    >>> read_labels("y", [0, 1])
    array([0, 1])
    """
    try:
        labels = np.asarray(y)
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"`{argument}` cannot be read as an array of labels: {error}") from error
    if labels.dtype.kind not in "biuf":
        raise InvalidTypeError(
            f"`{argument}` must hold integers or floats; got dtype {labels.dtype}, shape {labels.shape}. Encode such "
            "labels first: classes, y = np.unique(y, return_inverse=True)."
        )
    if not labels.ndim:
        raise InvalidInputError(f"`{argument}` must hold one entry for each sample; got the single number {labels}.")
    return labels


def missing_entries(labels: Array, *, signed: bool = False) -> Array:
    """Tell which entries of labels are missing.

    Parameters
    ----------
    labels : ndarray
        The labels.
    signed : bool, default False
        Whether -1 is a class, as for hinge losses.

    Returns
    -------
    ndarray of bool
        True for NaN in floats and, unless signed, for -1 in integers.

    Examples
    --------
    >>> missing_entries(np.array([-1, 0, 1])).tolist(), missing_entries(np.array([-1.0, np.nan])).tolist()
    ([True, False, False], [False, True])
    """
    if labels.dtype.kind == "f":
        return np.isnan(labels)
    return labels == -1 if labels.dtype.kind == "i" and not signed else np.zeros(labels.shape, np.bool_)


def are_signed(labels: Array, *, hinge: bool = False) -> bool:
    """Tell whether labels are -1 and 1, the classes of a hinge loss.

    Parameters
    ----------
    labels : ndarray
        The labels.
    hinge : bool, default False
        Whether they are known to belong to a hinge loss.

    Returns
    -------
    bool
        In integers without a hinge loss, -1 beside nothing but 1 counts as a class, because labels of a single class
        can train nothing.

    Examples
    --------
    >>> are_signed(np.array([-1, 1])), are_signed(np.array([-1, 0, 1])), are_signed(np.array([0, 1]))
    (True, False, False)
    """
    if labels.dtype.kind not in "if":
        return False
    found = np.unique(labels[~missing_entries(labels, signed=True)]).tolist()
    return found == [-1, 1] or (found == [-1] and (hinge or labels.dtype.kind == "f"))


def are_flags(labels: Array, *, signed: bool = False) -> bool:
    """Tell whether all labels that are present are yes or no: 0 and 1, or -1 and 1.

    Parameters
    ----------
    labels : ndarray
        The labels.
    signed : bool, default False
        Whether -1 is a class.

    Returns
    -------
    bool
        True also where none is present.

    Examples
    --------
    >>> are_flags(np.array([0.0, np.nan, 1.0])), are_flags(np.array([0, 2]))
    (True, False)
    """
    present = labels[~missing_entries(labels, signed=signed)]
    return bool(np.isin(present, (-1, 1) if signed else (0, 1)).all())
