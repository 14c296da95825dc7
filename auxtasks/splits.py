"""Labels hidden on purpose, to measure what the others are worth, and the ways of splitting that `audit` takes.

=================================  ===================================================================================
split                              ``audit(..., cv=...)``
=================================  ===================================================================================
a quarter held out for each seed   None, the default; stratified for classes, with ``groups=`` by groups
k folds                            ``5``; stratified for classes, with ``groups=`` by groups
in the order of time               ``sklearn.model_selection.TimeSeriesSplit(5)``
one group at a time                ``sklearn.model_selection.LeaveOneGroupOut()`` and ``groups=``
semi-supervised                    ``SemiSupervisedSplit(0.9)``, or with any of the above as its `cv`
a share of labels for each task    None: hide labels of label columns by `hide_labels` before targets are made
=================================  ===================================================================================
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from numbers import Integral
from typing import Any

import numpy as np

from auxtasks.audit.splits import are_classes, check_groups, checked_cv, folds_of, numbers_of, strata_of
from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.labels import are_flags, are_signed, check_not_signed, present_rows, read_labels, without_labels
from auxtasks.typing import Array
from auxtasks.validation import check_flag, check_int, check_number, count_rows

__all__ = ["SemiSupervisedSplit", "hide_labels"]


def hide_labels(
    y: Any, hide: float | Mapping[str, float], *, seed: int = 0, stratify: bool | None = None
) -> Array | dict[str, Array]:
    """Hide a share of the labels, so that the samples become unlabelled ones.

    Parameters
    ----------
    y : array-like or mapping of str to array-like
        Labels, one row for each sample; missing ones are -1 (integers), NaN (floats), masked or null. A
        mapping holds those of several tasks, such as ``targets.with_main(y)``. Integers of nothing but -1 and 1 are
        refused.
    hide : float, int or mapping of str to these
        The share of the labels to hide (float), or how many (int), of those that are present; for all tasks or by name.
        Tasks that a mapping leaves out keep all.
    seed : int, default 0
        The same seed hides the same labels. In a mapping each task has its own draw, whatever other tasks there are.
    stratify : bool, optional
        Whether to hide the same share of each class, so that every class keeps a label at least. By default this is
        done where labels are classes: integers, booleans or one-hot rows. True takes floats for classes too. Of rows
        of 0 and 1, which are several labels, each label that has a sample with 1 keeps one.

    Returns
    -------
    ndarray, or dict of str to ndarray
        A copy with -1 or NaN where labels are hidden; for that booleans and unsigned integers become signed.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError
        If `hide` is out of range or leaves no label (when stratified, none for a class), or labels are not numbers or
        cannot be stratified.

    Notes
    -----
    A class of ``m`` of all ``n`` labels keeps ``m / n`` of those that are kept, give or take one, and one at least,
    which the other classes make up for. For several labels samples are kept greedily, one for the rarest label first,
    and the others drawn. Rows of which some entries are missing count as labelled; hidden rows are missing as a whole.
    The classes -1 and 1 of a hinge loss must be floats, since -1 among integers is a missing label.

    Examples
    --------
    >>> hide_labels([0, 1, 0, 1, 0, 1, 0, 1], 0.5, seed=2)
    array([-1, -1,  0, -1, -1,  1,  0,  1])
    >>> hidden = hide_labels({"main": np.arange(10) % 2, "angle": np.linspace(0, 1, 10)}, {"main": 0.8, "angle": 5})
    >>> int((hidden["main"] >= 0).sum()), int(np.isfinite(hidden["angle"]).sum())
    (2, 5)
    """
    seed = check_int("seed", seed, low=0)
    _check_stratify(stratify)
    if not isinstance(y, Mapping):
        if isinstance(hide, Mapping):
            raise InvalidTypeError("`hide` by name needs `y` by name too, such as {'main': y}.")
        return _hidden("y", y, hide, np.random.default_rng(seed), stratify)
    if isinstance(hide, Mapping):
        for name in hide:
            if name not in y:
                raise unknown_name("hide", name, y, "task")
    asked = {name: hide.get(name, 0) if isinstance(hide, Mapping) else hide for name in y}
    return {
        # The draw of a task follows from its name, and from no other task.
        name: _hidden(
            name, labels, asked[name], np.random.default_rng([seed, zlib.crc32(str(name).encode())]), stratify
        )
        for name, labels in y.items()
    }


def _hidden(name: str, y: Any, hide: float, rng: np.random.Generator, stratify: bool | None) -> Array:
    labels = _read(name, y)
    rows = np.flatnonzero(present_rows(labels))
    count = n_to_hide(name, hide, len(rows))
    return without_labels(labels, rows[drawn(name, labels[rows], count, rng, stratify)]) if count else labels.copy()


def _check_stratify(stratify: object) -> None:
    if stratify is not None:
        check_flag("stratify", stratify)


def _read(name: str, y: Any) -> Array:
    labels = read_labels(str(name), y)
    if not len(labels):
        raise InvalidInputError(f"`{name}` holds no label; found shape {labels.shape}.")
    check_not_signed(str(name), labels)
    return labels


def n_to_hide(name: str, hide: Any, n: int) -> int:
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
    strata = strata_of(labels, classes=bool(stratify))
    several = strata.ndim == 2 and are_flags(labels)
    if stratify is None:
        stratify = several or are_classes(strata)
    order = rng.permutation(len(labels))
    if not stratify:
        return order[:count]
    if strata.ndim != 1 and not several:
        raise InvalidInputError(
            f"`stratify`: {name!r} of shape {labels.shape} is neither one class per sample nor labels of 0 and 1; "
            "pass stratify=False."
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
            raise InvalidInputError(f"`cv` already hides labels; pass the splitter inside it, {cv.cv!r}.")
        self.hide = hide
        self.cv: Any = checked_cv(cv)
        _check_stratify(stratify)
        self.stratify = stratify
        self.random_state = check_int("random_state", random_state, low=0)

    def __repr__(self) -> str:
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
        labels = _read("y", y)
        n = count_rows("X", X)
        if len(labels) != n:
            raise InvalidInputError(f"`y` must have one entry for each of the {n} samples; found {len(labels)}.")
        groups = check_groups(groups, np.ones(n, bool))
        missing = ~present_rows(labels, signed=are_signed(labels))
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
