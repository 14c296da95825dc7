"""Which samples each run trains and is tested on."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.optional import require
from auxtasks.typing import Array

HELD_OUT = 0.25
"""The share of the labelled samples that is tested on where nothing else was asked."""


@dataclass(frozen=True)
class Split:
    """The samples of one pair of runs.

    Parameters
    ----------
    seed, fold : int
        What names the pair.
    train, test : ndarray of int
        Numbers of original samples; `test` is empty where there is a test set of its own.
    """

    seed: int
    fold: int
    train: Array
    test: Array


def splits_of(
    y: Array, labelled: Array, cv: Any, groups: Array | None, seeds: Sequence[int], *, has_test: bool
) -> list[Split]:
    """Split the samples for every seed.

    Parameters
    ----------
    y : ndarray, shape (n, ...)
        Main labels of all samples.
    labelled : ndarray of bool, shape (n,)
        Which of them are not missing.
    cv : None, int, scikit-learn splitter or iterable of (train, test)
        How to split the labelled samples; the numbers it gives count these alone. None holds a quarter of them out for
        each seed. Integers are a number of folds: stratified for classes, grouped where there are groups. The
        ``random_state`` of a splitter that shuffles is the seed.
    groups : ndarray, shape (n,), or None
        Samples of one group are never on both sides; those without a label are left out of a training whose test part
        holds their group.
    seeds : sequence of int
        The seeds.
    has_test : bool
        Whether there is a test set, so that all samples are trained on.

    Returns
    -------
    list of Split
        For each seed its folds. Samples without a label are trained on in all.
    """
    everything = np.arange(len(y))
    if has_test:
        return [Split(seed, 0, everything, everything[:0]) for seed in seeds]
    rows = np.flatnonzero(labelled)
    own_groups = None if groups is None else groups[rows]
    found = []
    for seed in seeds:
        folds = _folds(cv, y[rows], own_groups, seed)
        if not folds:
            raise InvalidInputError("`cv` gave no split at all; pass a splitter, or a list of (train, test).")
        for number, (train, test) in enumerate(folds):
            tested = rows[_indices(test, len(rows))]
            others = np.flatnonzero(~labelled)
            if groups is not None:
                others = others[~np.isin(groups[others], groups[tested])]
            trained = np.sort(np.concatenate([rows[_indices(train, len(rows))], others]))
            _check_parts(trained, tested, labelled)
            found.append(Split(seed, number, trained, np.sort(tested)))
    return found


def overlap_of(splits: Sequence[Split], labelled: Array) -> float:
    """Return by how much pairs depend on each other because their training parts overlap.

    Parameters
    ----------
    splits : sequence of Split
        The splits.
    labelled : ndarray of bool, shape (n,)
        Which samples have a main label.

    Returns
    -------
    float
        The labelled test samples over the labelled training samples, the mean of the splits; 0 for a test set.

    Notes
    -----
    What Nadeau and Bengio (2003, Machine Learning 52:239-281) add to 1 / n in the variance of a mean over resampled
    parts.
    """
    return float(np.mean([len(split.test) / max(labelled[split.train].sum(), 1) for split in splits]))


def is_classes(y: Array) -> bool:
    """Tell whether labels are one class a sample, in integers."""
    return bool(y.dtype.kind in "iub" and (y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1)))


def _folds(cv: Any, y: Array, groups: Array | None, seed: int) -> list[tuple[Any, Any]]:
    selection: Any = require("sklearn.model_selection", extra="sklearn")
    stratify = is_classes(y) and np.unique(y, return_counts=True)[1].min() >= 2
    if cv is None:
        if groups is not None:
            splitter = selection.GroupShuffleSplit(1, test_size=HELD_OUT, random_state=seed)
        else:
            kind = selection.StratifiedShuffleSplit if stratify else selection.ShuffleSplit
            splitter = kind(1, test_size=HELD_OUT, random_state=seed)
    elif isinstance(cv, int) and not isinstance(cv, bool):
        splitter = _by_number(selection, cv, seed, stratify=is_classes(y), grouped=groups is not None)
    elif hasattr(cv, "split") and not isinstance(cv, (str, bytes)):
        splitter = copy.copy(cv)
        if hasattr(splitter, "random_state"):
            splitter.random_state = seed
    elif isinstance(cv, Iterable) and not isinstance(cv, (str, bytes)):
        return [(train, test) for train, test in cv]
    else:
        raise InvalidTypeError(
            f"`cv` must be a number of folds, a scikit-learn splitter or an iterable of (train, test); got {cv!r}."
        )
    try:
        return list(splitter.split(np.zeros(len(y)), _strata(y), groups))
    except ValueError as error:
        raise InvalidInputError(f"`cv`: {len(y)} labelled samples cannot be split like this: {error}") from error


def _by_number(selection: Any, folds: int, seed: int, *, stratify: bool, grouped: bool) -> Any:
    if folds < 2:
        raise InvalidInputError(f"`cv` must be at least 2 folds; got {folds}.")
    if grouped and not stratify:
        return selection.GroupKFold(folds)
    kind = selection.StratifiedGroupKFold if grouped else selection.StratifiedKFold if stratify else selection.KFold
    return kind(folds, shuffle=True, random_state=seed)


def _strata(y: Array) -> Any:
    """Return what a splitter may stratify by: the classes, also of one-hot rows."""
    if y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "iub" and bool((y.sum(axis=1) == 1).all()):
        return y.argmax(axis=1)
    return y.ravel() if is_classes(y) else y


def _indices(part: Any, n: int) -> Array:
    numbers = np.asarray(part) if len(part) else np.empty(0, dtype=np.int64)
    numbers = np.flatnonzero(numbers) if numbers.dtype == bool else numbers
    if numbers.dtype.kind not in "iu" or (numbers.size and (numbers.min() < 0 or numbers.max() >= n)):
        raise InvalidInputError(
            f"`cv` must give numbers from 0 to {n - 1}, which count the labelled samples; found {numbers[:5]}..."
        )
    return numbers


def _check_parts(train: Array, test: Array, labelled: Array) -> None:
    if not len(test) or not labelled[train].any():
        raise InvalidInputError(
            f"`cv` gave {labelled[train].sum()} labelled training and {len(test)} test samples; each part needs some."
        )
    both = np.intersect1d(train, test)
    if len(both):
        raise InvalidInputError(f"`cv` gave {len(both)} samples both to train and to test on, such as {both[0]}.")
