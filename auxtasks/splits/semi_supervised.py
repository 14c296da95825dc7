"""A splitter that hides labels of the training part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from auxtasks.audit.cv import checked_cv, numbers_of
from auxtasks.audit.folds import are_classes, folds_of, strata_of
from auxtasks.audit.metrics.labels import are_signed
from auxtasks.errors import InvalidInputError
from auxtasks.splits.drawing import drawn, n_to_hide
from auxtasks.splits.labels import as_labels, entries_present
from auxtasks.typing import Array
from auxtasks.validation import check_int


class SemiSupervisedSplit:
    """Split samples, and hide a share of the labels of each training part.

    `auxtasks.audit.audit` takes it as `cv`: samples whose label is hidden are trained on without it, and each seed
    draws anew which these are. To scikit-learn it is a splitter whose training parts hold the other samples alone.

    Parameters
    ----------
    hide : float or int
        The share of the labels of the training part to hide, or how many; see `auxtasks.splits.hide_labels`.
    cv : None, int or scikit-learn splitter, optional
        How to split first: a quarter held out, k folds, or a splitter; as in `auxtasks.audit.audit`.
    stratify : bool, optional
        Whether to split and to hide by class, or hide by label, as in `auxtasks.splits.hide_labels`; by default where
        labels are classes or several labels.
    random_state : int, default 0
        Seeds both; the audit sets it to the seed of each run.

    Raises
    ------
    InvalidInputError, InvalidTypeError
        If an argument cannot be used.

    Examples
    --------
    >>> y = np.arange(40) % 2
    >>> splitter = SemiSupervisedSplit(0.8, cv=4)
    >>> [(len(train), len(test)) for train, test in splitter.split(y, y)]
    [(6, 10), (6, 10), (6, 10), (6, 10)]
    >>> train, test, hidden = splitter.split_three(y, y)[0]
    >>> len(train), len(test), len(hidden)
    (6, 10, 24)
    """

    def __init__(self, hide: float, *, cv: Any = None, stratify: bool | None = None, random_state: int = 0) -> None:
        # A number can be checked before there are labels; the largest is not known yet.
        n_to_hide("y", hide, 2**62)
        if isinstance(cv, SemiSupervisedSplit):
            raise InvalidInputError(f"`cv` hides labels itself; pass the way of splitting inside it, {cv.cv!r}.")
        self.hide = hide
        self.cv: Any = checked_cv(cv)
        self.stratify = stratify
        self.random_state = check_int("random_state", random_state, low=0)

    def __repr__(self) -> str:
        """Show how to make it again."""
        said = f"{self.hide!r}, cv={self.cv!r}, stratify={self.stratify!r}, random_state={self.random_state!r}"
        return f"{type(self).__name__}({said})"

    def split(self, X: Any, y: Any, groups: Any = None) -> Iterator[tuple[Array, Array]]:
        """Yield the samples to train on with their labels, and those to test on.

        Parameters
        ----------
        X : array-like, shape (n, ...)
            The samples; only counted.
        y : array-like, shape (n, ...)
            Their labels, none missing.
        groups : array-like, shape (n,), optional
            Samples of one group are never on both sides.

        Yields
        ------
        train, test : ndarray of int
            Numbers of samples.

        Raises
        ------
        InvalidInputError
            If the samples cannot be split like this, or a label is missing.
        """
        for train, test, _ in self.split_three(X, y, groups):
            yield train, test

    def split_three(self, X: Any, y: Any, groups: Any = None) -> list[tuple[Array, Array, Array]]:
        """Return what `split` yields, each with the samples to train on without their labels.

        Parameters
        ----------
        X, y, groups
            As for `split`.

        Returns
        -------
        list of (train, test, hidden)
            Three arrays of int for each split.

        Raises
        ------
        InvalidInputError
            As `split`.
        """
        labels = as_labels("y", y)
        n = X.shape[0] if hasattr(X, "shape") else len(X)
        if len(labels) != n:
            raise InvalidInputError(f"`y` must have one entry for each of the {n} samples; found {len(labels)}.")
        missing = ~entries_present(labels, signed=are_signed(labels))
        if missing.any():
            raise InvalidInputError(
                f"`y`: {missing.sum()} of the {n} labels are missing (-1 or NaN), and only labelled samples can be "
                "split; leave the others out here. `audit` takes them all, and trains on those without a label too."
            )
        by_class = are_classes(strata_of(labels)) if self.stratify is None else self.stratify
        found = []
        folds = folds_of(self.cv, labels, groups, self.random_state, stratify=by_class)
        for fold, (train, test) in enumerate(folds):
            rows = numbers_of(train, n)
            rng = np.random.default_rng([self.random_state, fold])
            count = n_to_hide("y", self.hide, len(rows))
            hidden = drawn("y", labels[rows], count, rng, self.stratify)
            parts = np.delete(rows, hidden), numbers_of(test, n), rows[hidden]
            found.append((np.sort(parts[0]), np.sort(parts[1]), np.sort(parts[2])))
        return found

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many splits there are; as in scikit-learn.

        Parameters
        ----------
        X, y, groups
            As for `split`; only some splitters need them.

        Returns
        -------
        int
            The number of splits.
        """
        if self.cv is None or isinstance(self.cv, int):
            return self.cv or 1
        return len(self.cv) if isinstance(self.cv, list) else int(self.cv.get_n_splits(X, y, groups))
