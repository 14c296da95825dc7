"""Which samples each run trains and is tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from auxtasks.audit.cv import checked_cv, numbers_of
from auxtasks.audit.folds import folds_of
from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array


@dataclass(frozen=True)
class Split:
    """The samples of one pair of runs.

    Parameters
    ----------
    seed, fold : int
        What names the pair.
    train, test : ndarray of int
        Numbers of original samples; `test` is empty where there is a test set of its own.
    hidden : ndarray of int
        Those of `train` whose label is not shown.
    """

    seed: int
    fold: int
    train: Array
    test: Array
    hidden: Array = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def shown(self, labelled: Array) -> Array:
        """Tell which of `train` are trained on with their label, given which samples have one."""
        found: Array = labelled[self.train] & ~np.isin(self.train, self.hidden)
        return found


def splits_of(
    y: Array,
    labelled: Array,
    cv: Any,
    groups: Array | None,
    seeds: Sequence[int],
    *,
    has_test: bool,
    stratify: bool | None = None,
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
        ``random_state`` of a splitter that shuffles is the seed. An iterable is read once, and the same for all seeds.
        A `SemiSupervisedSplit` also hides labels of the training part.
    groups : ndarray, shape (n,), or None
        Samples of one group are never on both sides; those without a label are left out of a training whose test part
        holds their group.
    seeds : sequence of int
        The seeds.
    has_test : bool
        Whether there is a test set, so that all samples are trained on.
    stratify : bool, optional
        Whether the labels are classes: numbers, also floats, or one-hot rows. By default those that are integers, one a
        sample, are.

    Returns
    -------
    list of Split
        For each seed its folds. Samples without a label are trained on in all.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If `cv` is none of these, or gives parts that are empty, overlap or share a group.
    """
    everything = np.arange(len(y))
    if has_test:
        return [Split(seed, 0, everything, everything[:0]) for seed in seeds]
    rows = np.flatnonzero(labelled)
    own_groups = None if groups is None else groups[rows]
    way = checked_cv(cv)
    found = []
    for seed in seeds:
        folds = folds_of(way, y[rows], own_groups, seed, stratify=stratify)
        if not folds:
            raise InvalidInputError("`cv` gave no split at all; pass a splitter, or a list of (train, test).")
        for number, (train, test, *rest) in enumerate(folds):
            tested = rows[numbers_of(test, len(rows))]
            hidden = rows[rest[0]] if rest else np.empty(0, dtype=np.int64)
            others = np.flatnonzero(~labelled)
            if groups is not None:
                others = others[~np.isin(groups[others], groups[tested])]
            trained = np.sort(np.concatenate([rows[numbers_of(train, len(rows))], hidden, others]))
            _check_parts(trained, tested, labelled, groups)
            found.append(Split(seed, number, trained, np.sort(tested), hidden))
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
        The labelled test samples over the labelled training samples, the mean of the splits; 0 for a test set. Training
        samples whose label is hidden count as labelled: test parts are drawn from them all, and overlap no more often.

    Notes
    -----
    What Nadeau and Bengio (2003, Machine Learning 52:239-281) add to 1 / n in the variance of a mean over resampled
    parts.
    """
    return float(np.mean([len(split.test) / max(labelled[split.train].sum(), 1) for split in splits]))


def _check_parts(train: Array, test: Array, labelled: Array, groups: Array | None) -> None:
    if not len(test) or not labelled[train].any():
        raise InvalidInputError(
            f"`cv` gave {labelled[train].sum()} labelled training and {len(test)} test samples; each part needs some."
        )
    both = np.intersect1d(train, test)
    if len(both):
        raise InvalidInputError(f"`cv` gave {len(both)} samples both to train and to test on, such as {both[0]}.")
    if groups is None:
        return
    shared = groups[test][np.isin(groups[test], groups[train])]
    if len(shared):
        raise InvalidInputError(
            f"`groups`: `cv` gave {len(set(shared.tolist()))} groups both to train and to test on, such as "
            f"{shared[0]!r}. Pass a splitter that keeps groups together, such as GroupKFold, a number of folds or None."
        )
