"""Which labels to hide: a random draw, by class where there are classes, that leaves each of several labels one."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from auxtasks.audit.folds import are_classes, strata_of
from auxtasks.audit.metrics.labels import are_flags
from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array
from auxtasks.validation import check_int, check_number


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
        From 0 to n - 1, or 0 of none.

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
        return min(count, max(n - 1, 0))
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
        Whether by class, or so that each of several labels keeps a sample that has it; None decides by the labels.

    Returns
    -------
    ndarray of int, shape (count,)
        Their numbers.

    Raises
    ------
    InvalidInputError
        If they are no classes, or a class or label would be left without a sample.
    """
    strata = strata_of(labels, classes=bool(stratify))
    several = strata.ndim == 2 and are_flags(labels)
    if stratify is None:
        stratify = several or are_classes(strata)
    order = rng.permutation(len(labels))
    if not stratify:
        return order[:count]
    if strata.ndim != 1 and not several:
        raise InvalidInputError(
            f"`stratify`: {name!r} of shape {labels.shape} is neither a class a sample nor labels of 0 and 1; pass "
            "stratify=False."
        )
    places = _places_of_flags(labels[order] == 1) if several else _places_of_classes(strata[order])
    kept, needed = len(labels) - count, int((places < 0).sum())
    if kept < needed:
        why = f"where a positive of each label takes {needed}" if several else f"which has {needed} classes"
        raise InvalidInputError(
            f"`hide` leaves {kept} of the {len(labels)} labels of {name!r}, {why}; hide {len(labels) - needed} at "
            f"most, so that each {'label' if several else 'class'} keeps one, or pass stratify=False."
        )
    return order[np.argsort(places, kind="stable")[kept:]]


def _places_of_classes(strata: Array) -> Array:
    _, numbers, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    # Each label's place among those of its class, from 0 to 1: up to a threshold there are equal shares of all classes.
    ranks = np.empty(len(strata))
    by_class = np.argsort(numbers, kind="stable")
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    ranks[by_class] = np.arange(len(strata)) - starts
    return np.where(ranks == 0, -1.0, (ranks + 0.5) / sizes[numbers])


def _places_of_flags(flags: Array) -> Array:
    # The rarest label first, by the sample that has most of those still without one; all others as they come.
    places, without = np.zeros(len(flags)), np.asarray(flags.any(axis=0))
    for label in np.argsort(flags.sum(axis=0), kind="stable"):
        if without[label]:
            rows = np.flatnonzero(flags[:, label])
            best = rows[flags[np.ix_(rows, without)].sum(axis=1).argmax()]
            places[best] = -1.0
            without &= ~flags[best]
    return places
