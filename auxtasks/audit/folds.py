"""The parts that a way of splitting gives for one seed."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.optional import require
from auxtasks.typing import Array

HELD_OUT = 0.25
"""The share of the labelled samples that is tested on where nothing else was asked."""


def folds_of(
    cv: Any, y: Array, groups: Array | None, seed: int, *, stratify: bool | None = None
) -> list[tuple[Any, ...]]:
    """Split samples for one seed.

    Parameters
    ----------
    cv : None, int, scikit-learn splitter or list of tuple
        What `checked_cv` returned.
    y : ndarray, shape (n, ...)
        The labels.
    groups : ndarray, shape (n,), or None
        The groups.
    seed : int
        The seed.
    stratify : bool, optional
        Whether the labels are classes, in equal shares on both sides; by default where they are integers, one a sample.

    Returns
    -------
    list of tuple
        For each fold what to train and what to test on; with a `SemiSupervisedSplit` also what to train on without
        labels.

    Raises
    ------
    InvalidInputError
        If the samples cannot be split like this.
    """
    if isinstance(cv, list):
        return cv
    strata = strata_of(y, classes=bool(stratify))
    stratify = are_classes(y) if stratify is None else stratify and strata.ndim == 1
    splitter = _splitter(cv, strata, seed, stratify=stratify, grouped=groups is not None)
    try:
        with warnings.catch_warnings():
            # Whether groups are kept together is checked where the parts are.
            warnings.filterwarnings("ignore", "The groups parameter is ignored", UserWarning)
            if hasattr(splitter, "split_three"):
                return list(splitter.split_three(np.zeros(len(y)), y, groups))
            return list(splitter.split(np.zeros(len(y)), strata, groups))
    except ValueError as error:
        raise InvalidInputError(f"`cv`: {len(y)} labelled samples cannot be split like this: {error}") from error


def strata_of(y: Array, *, classes: bool = False) -> Array:
    """Return what a splitter may stratify by: one number a sample where there is one.

    Parameters
    ----------
    y : ndarray, shape (n, ...)
        Labels; rows in which one entry is on and all others are off, of any dtype, stand for the class that is on.
    classes : bool, default False
        Whether they are known to be classes, so that rows of probabilities stand for the likeliest one.

    Returns
    -------
    ndarray
        Shape (n,), or `y` itself where its rows stand for no class.

    Examples
    --------
    >>> strata_of(np.array([[0.0, 1.0], [1.0, 0.0]])), strata_of(np.array([[0.9, 0.1]]), classes=True)
    (array([1, 0]), array([0]))
    """
    if y.ndim == 2 and y.shape[1] == 1:
        return y.ravel()
    if y.ndim == 2 and y.dtype.kind in "iubf" and y.size:
        shares = classes and bool((y >= 0).all()) and np.allclose(y.sum(axis=1), 1.0, atol=1e-3)
        two_values = bool(np.isin(y, (y.min(), y.max())).all() and y.min() < y.max())
        if shares or (two_values and bool(((y == y.max()).sum(axis=1) == 1).all())):
            return np.asarray(y.argmax(axis=1))
    return y


def are_classes(y: Array) -> bool:
    """Tell whether labels look like classes: integers or booleans, one a sample.

    Parameters
    ----------
    y : ndarray, shape (n, ...)
        Labels, or what `strata_of` made of them.

    Returns
    -------
    bool
        False for floats, which may be whole all the same.

    Examples
    --------
    >>> are_classes(np.array([[0], [2]])), are_classes(np.array([0.0, 2.0]))
    (True, False)
    """
    return bool(y.dtype.kind in "iub" and (y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1)))


def _splitter(cv: Any, strata: Array, seed: int, *, stratify: bool, grouped: bool) -> Any:
    selection: Any = require("sklearn.model_selection", extra="sklearn")
    if cv is None:
        stratify = stratify and np.unique(strata, return_counts=True)[1].min() >= 2
        alone = selection.StratifiedShuffleSplit if stratify else selection.ShuffleSplit
        return (selection.GroupShuffleSplit if grouped else alone)(1, test_size=HELD_OUT, random_state=seed)
    if isinstance(cv, int):
        if grouped and not stratify:
            return selection.GroupKFold(cv)
        kind = selection.StratifiedGroupKFold if grouped else selection.StratifiedKFold if stratify else selection.KFold
        return kind(cv, shuffle=True, random_state=seed)
    splitter = copy.copy(cv)
    if hasattr(splitter, "random_state"):
        splitter.random_state = seed
    # Several labels are no strata to split by, and what is hidden of them is chosen by the labels.
    if getattr(splitter, "stratify", False) is None and strata.ndim == 1:
        splitter.stratify = stratify
    return splitter
