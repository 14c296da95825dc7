"""Which labels to hide: a random draw, in equal shares of each class where there are classes."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from auxtasks.audit.folds import are_classes, strata_of
from auxtasks.audit.metrics.labels import missing_entries, read_labels
from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array
from auxtasks.validation import check_int, check_number


def as_labels(name: str, y: Any) -> Array:
    """Return labels as an array; see `auxtasks.audit.metrics.labels.read_labels`."""
    dtype = getattr(y, "dtype", None)
    if hasattr(y, "to_numpy") and not isinstance(dtype, np.dtype) and getattr(dtype, "kind", "") in ("i", "u", "b"):
        # pandas' nullable integers would become floats where one is missing, and classes a regression.
        y = y.to_numpy(dtype=np.int64, na_value=-1)
    labels = read_labels(name, y)
    if not len(labels):
        raise InvalidInputError(f"`{name}` holds no label; found shape {labels.shape}.")
    return labels


def entries_present(labels: Array) -> Array:
    """Tell which rows have a label, or some.

    Parameters
    ----------
    labels : ndarray, shape (n, ...)
        The labels.

    Returns
    -------
    ndarray of bool, shape (n,)
        False where all entries of a row are missing.
    """
    return np.asarray(~missing_entries(labels).reshape(len(labels), -1).all(axis=1))


def n_to_hide(name: str, hide: Any, n: int) -> int:
    """Return how many of n labels to hide.

    Parameters
    ----------
    name : str
        The name of the labels, for errors.
    hide : float or int
        The share or the number.
    n : int
        How many there are.

    Returns
    -------
    int
        From 0 to n - 1.

    Raises
    ------
    InvalidInputError, InvalidTypeError
        If none would be left, or it is no number.

    Examples
    --------
    >>> n_to_hide("y", 0.25, 10), n_to_hide("y", 3, 10), n_to_hide("y", 0.99, 10)
    (2, 3, 9)
    """
    if isinstance(hide, Integral):
        return check_int("hide", hide, low=0, high=max(n - 1, 0))
    share = check_number("hide", hide, low=0.0, high=1.0)
    count = round(share * n)
    if share and share < 1:
        return min(count, n - 1)
    if count:
        raise InvalidInputError(f"`hide`: 1.0 leaves no label of {name!r}; take a share below 1, or a number.")
    return 0


def drawn(name: str, labels: Array, count: int, rng: np.random.Generator, stratify: bool | None) -> Array:
    """Draw the labels to hide.

    Parameters
    ----------
    name : str
        The name of the labels, for errors.
    labels : ndarray, shape (n, ...)
        Those that are present.
    count : int
        How many to hide.
    rng : Generator
        What draws.
    stratify : bool or None
        Whether by class; None decides by the labels.

    Returns
    -------
    ndarray of int, shape (count,)
        Their numbers.

    Raises
    ------
    InvalidInputError
        If they are no classes, or there would be less than one label a class.
    """
    strata = strata_of(labels, classes=bool(stratify))
    if stratify is None:
        stratify = are_classes(strata)
    order = rng.permutation(len(labels))
    if not stratify:
        return order[:count]
    if strata.ndim != 1:
        raise InvalidInputError(
            f"`stratify`: {name!r} of shape {labels.shape} stands for no classes, one a sample; pass stratify=False."
        )
    kept = len(labels) - count
    classes, numbers, sizes = np.unique(strata[order], return_inverse=True, return_counts=True)
    if kept < len(classes):
        raise InvalidInputError(
            f"`hide` leaves {kept} of the {len(labels)} labels of {name!r}, which has {len(classes)} classes; hide "
            f"{len(labels) - len(classes)} at most, so that each class keeps one, or pass stratify=False."
        )
    # Each label's place among those of its class, from 0 to 1: up to a threshold there are equal shares of all classes.
    ranks = np.empty(len(order))
    by_class = np.argsort(numbers, kind="stable")
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    ranks[by_class] = np.arange(len(order)) - starts
    places = np.where(ranks == 0, -1.0, (ranks + 0.5) / sizes[numbers])
    return order[np.argsort(places, kind="stable")[kept:]]
