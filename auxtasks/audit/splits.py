"""Which samples each run trains and is tested on, and what a teacher of soft labels says of them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from auxtasks.audit.metrics import Metrics
from auxtasks.columns import is_missing, plain_array
from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError, abbreviated, wrong_type
from auxtasks.labels import without_labels
from auxtasks.optional import require
from auxtasks.specs import TargetSpec
from auxtasks.teacher.teaching import Teacher
from auxtasks.typing import Array, Floats
from auxtasks.validation import is_integer, is_listed

if TYPE_CHECKING:
    from auxtasks.keras.listening import Opinion


@dataclass(frozen=True)
class Split:
    """The samples of one pair of runs, named by its seed and fold.

    Numbers are those of original samples. `test` is empty where there is a test set of its own; `hidden` are those of
    `train` whose label is not shown, and `lessons` what is said of soft labels by name.
    """

    seed: int
    fold: int
    train: Array
    test: Array
    hidden: Array = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    lessons: dict[str, Lesson] = field(default_factory=dict, compare=False, repr=False)

    def shown(self, labelled: Array) -> Array:
        """Tell which of `train` are trained on with their label, given which samples have one."""
        found: Array = labelled[self.train] & ~np.isin(self.train, self.hidden)
        return found


class Lesson(NamedTuple):
    """Soft labels as a split knows them, found once for all arms.

    `spec` tells how well the teacher predicts the labels that it was shown, `soft` are the soft labels of all training
    samples, `said` is the teacher's opinion of the test part, by which it is judged, and `unseen` what it says of the
    labelled samples of the training part, in their order, when not shown their labels. `heard` is what networks say, in
    the runs of all arms.
    """

    spec: TargetSpec
    soft: Array
    said: Array
    unseen: Floats
    heard: dict[str, Opinion]

    def scores(self, main: Array, metrics: Metrics) -> dict[str, float]:
        said: Floats = self.said
        if self.spec.kind == "vector":
            return metrics.score(main, said)
        if metrics.problem == "multiclass":
            # Classes of which the teacher was shown no label; the network has a unit for them.
            width = max(metrics.classes, default=0) + 1
            said = np.pad(said, [(0, 0), (0, max(0, width - said.shape[1]))])
        return replace(metrics, scale="probabilities").score(main, said)


def find_lessons(teachers: Sequence[Teacher], split: Split, n_original: int, said: Mapping[str, Array]) -> None:
    """Have the split know what each teacher says, had it been shown the labels of the training part alone.

    `said` holds opinions of a test set of its own; by default the test part is among the samples that were taught from.
    """
    shown = np.setdiff1d(split.train, split.hidden)
    others = np.setdiff1d(np.arange(n_original), shown)
    for teacher in teachers:
        if teacher.name not in split.lessons:
            anew = teacher.shown(without_labels(teacher.labels.main, others))
            opinions = said[teacher.name] if teacher.name in said else anew.opinions()[split.test]
            labelled = split.train[np.isin(split.train, anew.labels.rows)]
            unseen = anew.said_unseen()[np.searchsorted(anew.labels.rows, labelled)]
            split.lessons[teacher.name] = Lesson(anew.spec, anew.soft_labels(), opinions, unseen, {})


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
    """Return what Nadeau and Bengio (2003) add to 1 / n in the variance of a mean, as training parts overlap."""
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


def checked_cv(cv: Any) -> Any:
    """Return a way of splitting that gives the same however often it is asked: what can be read once is made a list."""
    if is_integer(cv):
        if cv < 2:
            raise InvalidInputError(f"`cv` must be at least 2 folds; got {cv}.")
        return int(cv)
    # Texts have a `split` of their own.
    if cv is None or (hasattr(cv, "split") and not isinstance(cv, (str, bytes, bytearray))):
        return cv
    if not is_listed(cv):
        raise wrong_type("cv", "a number of folds, a scikit-learn splitter or an iterable of (train, test)", cv)
    pairs = list(cv)
    for number, pair in enumerate(pairs):
        if (
            not isinstance(pair, (tuple, list, np.ndarray))
            or getattr(pair, "shape", None) == ()
            or len(pair) != 2
            or any(np.ndim(part) != 1 for part in pair)
        ):
            raise InvalidTypeError(
                f"`cv`: entry {number} must be a pair (train, test) of sample numbers; got {type(pair).__name__} "
                f"{abbreviated(pair)}."
            )
    return [tuple(pair) for pair in pairs]


def numbers_of(part: Any, n: int) -> Array:
    numbers = np.asarray(part)
    if numbers.ndim != 1:
        raise InvalidTypeError(f"`cv` must give parts as lists of sample numbers; got {part!r}.")
    if numbers.dtype == bool:
        if len(numbers) != n:
            raise InvalidInputError(
                f"`cv`: a mask must have one entry for each of the {n} labelled samples; found {len(numbers)}."
            )
        return np.flatnonzero(numbers)
    if not len(numbers):
        return np.empty(0, dtype=np.int64)
    if numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= n:
        raise InvalidInputError(
            f"`cv` must give numbers from 0 to {n - 1}, which count the labelled samples; found {numbers[:5]}..."
        )
    values, counts = np.unique(numbers, return_counts=True)
    if counts.max() > 1:
        raise InvalidInputError(
            f"`cv` must give each sample at most once per part; number {values[counts.argmax()]} occurs "
            f"{counts.max()} times."
        )
    return numbers


def check_groups(groups: Any, labelled: Array) -> Array | None:
    """Return the group of each sample; groups of the labelled samples alone leave the others without one."""
    if groups is None:
        return None
    found = plain_array(groups)
    gaps = np.array([is_missing(group) for group in found.ravel().tolist()])
    if gaps.any():
        raise InvalidInputError(
            f"`groups`: {gaps.sum()} samples have no group, the first of them number {gaps.argmax()}; give each "
            "sample a group, and its own group if none is known."
        )
    if found.ndim == 1 and len(found) == len(labelled):
        return found
    if found.ndim == 1 and len(found) == labelled.sum():
        of_all = np.full(len(labelled), -1, dtype=np.int64)
        of_all[labelled] = np.unique(found, return_inverse=True)[1]
        return of_all
    raise InvalidInputError(
        f"`groups` must have one entry for each of the {len(labelled)} samples, or of the {labelled.sum()} labelled "
        f"ones; found shape {found.shape}."
    )


HELD_OUT = 0.25
"""The share of the labelled samples that is tested on where nothing else was asked."""


def folds_of(
    cv: Any, y: Array, groups: Array | None, seed: int, *, stratify: bool | None = None
) -> list[tuple[Any, ...]]:
    if isinstance(cv, list):
        return cv
    strata = strata_of(y, classes=bool(stratify))
    stratify = are_classes(y) if stratify is None else stratify and strata.ndim == 1
    splitter = _splitter(cv, strata, seed, stratify=stratify, grouped=groups is not None)
    _warn_of_rare_classes(splitter, strata)
    try:
        with warnings.catch_warnings():
            # Whether groups are kept together is checked where the parts are, and of rare classes this file warns.
            warnings.filterwarnings("ignore", "The groups parameter is|The least populated class", UserWarning)
            if hasattr(splitter, "split_three"):
                return list(splitter.split_three(np.zeros(len(y)), y, groups))
            return list(splitter.split(np.zeros(len(y)), strata, groups))
    except ValueError as error:
        raise InvalidInputError(f"`cv`: {len(y)} labelled samples cannot be split like this: {error}") from error


def _warn_of_rare_classes(splitter: Any, strata: Array) -> None:
    name = type(splitter).__name__
    if not ("Stratified" in name and "KFold" in name) or strata.ndim != 1:
        return
    n_folds = getattr(splitter, "n_splits", None) or getattr(splitter, "cvargs", {}).get("n_splits", 0)
    classes, counts = np.unique(strata, return_counts=True)
    rare = np.flatnonzero(counts < n_folds)
    if 0 < len(rare) < len(classes):
        warnings.warn(
            f"`cv`: {len(rare)} of the {len(classes)} classes have fewer labelled samples than there are folds "
            f"({n_folds}), such as class {classes[rare[0]]} with {counts[rare[0]]}: some test parts hold none of them. "
            "Take fewer folds, or label more samples.",
            AuxTasksWarning,
            stacklevel=2,
        )


def strata_of(y: Array, *, classes: bool = False) -> Array:
    """Return what a splitter may stratify by: one number a sample where there is one."""
    if y.ndim == 2 and y.shape[1] == 1:
        return y.ravel()
    if y.ndim == 2 and y.dtype.kind in "iubf" and y.size:
        shares = classes and bool((y >= 0).all()) and np.allclose(y.sum(axis=1), 1.0, atol=1e-3)
        two_values = bool(np.isin(y, (y.min(), y.max())).all() and y.min() < y.max())
        if shares or (two_values and bool(((y == y.max()).sum(axis=1) == 1).all())):
            return np.asarray(y.argmax(axis=1))
    return y


def are_classes(y: Array) -> bool:
    """Tell whether labels look like classes: integers or booleans, one a sample."""
    return bool(y.dtype.kind in "iub" and (y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1)))


def _splitter(cv: Any, strata: Array, seed: int, *, stratify: bool, grouped: bool) -> Any:
    selection: Any = require("sklearn.model_selection", extra="audit")
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
