"""The measures of a screen, task by task and pair by pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from math import isnan

import numpy as np

from auxtasks.audit.screen.columns import narrowed
from auxtasks.audit.screen.features import Features
from auxtasks.audit.screen.main_labels import FEWEST, MainLabels
from auxtasks.audit.screen.probe import FOLDS
from auxtasks.audit.screen.ridge import deal, shares_explained
from auxtasks.typing import Array, Floats

_SOURCE, _TARGET = 200, 64


def explained_by(source: Floats, known: Array, tasks: Mapping[str, Features], seed: int) -> dict[str, float]:
    """Tell how much of each task's target is a linear function of some columns.

    Parameters
    ----------
    source : ndarray of float, shape (n, columns)
        Centred columns; the 200 principal components of more.
    known : ndarray of bool, shape (n,)
        For which samples to use them.
    tasks : mapping of str to Features
        The targets; of wide ones the 64 largest principal components.
    seed : int
        Of the folds.

    Returns
    -------
    dict of str to float
        Shares from 0 to 1; NaN for targets that do not vary, and with fewer than 10 samples.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 2))
    >>> explained_by(x, np.ones(50, bool), {"sum": Features(x.sum(axis=1, keepdims=True), np.ones(50, bool))}, 0)
    {'sum': 1.0}
    """
    source = narrowed(source, _SOURCE)
    alike: dict[bytes, list[str]] = defaultdict(list)
    for name, task in tasks.items():
        alike[(known & task.present).tobytes()].append(name)
    shares: dict[str, float] = {}
    # Targets that are present in the same samples share one decomposition of the source.
    for mask, names in alike.items():
        rows = np.frombuffer(mask, np.bool_)
        if rows.sum() < FEWEST:
            shares.update(dict.fromkeys(names, float("nan")))
            continue
        targets = [narrowed(tasks[name].values, _TARGET)[rows] for name in names]
        found = shares_explained(source[rows], targets, deal(int(rows.sum()), FOLDS, seed))
        shares.update(zip(names, (rounded(share) for share in found), strict=True))
    return {name: shares[name] for name in tasks}


def explained_by_others(known: Array, tasks: Mapping[str, Features], seed: int) -> dict[str, dict[str, float]]:
    """Tell how much of each task's target is a linear function of each other task's.

    Parameters
    ----------
    known, tasks, seed
        As for `explained_by`.

    Returns
    -------
    dict of str to dict of str to float
        For each task the shares that the others explain.

    Examples
    --------
    >>> x, present = np.random.default_rng(0).normal(size=(50, 2)), np.ones(50, bool)
    >>> shares = explained_by_others(present, {"both": Features(x, present), "one": Features(x[:, :1], present)}, 0)
    >>> shares["one"]["both"], round(shares["both"]["one"], 1)
    (1.0, 0.5)
    """
    slim = {name: Features(narrowed(task.values, _TARGET), task.present) for name, task in tasks.items()}
    by_source = {
        name: explained_by(
            task.values, known & task.present, {other: slim[other] for other in tasks if other != name}, seed
        )
        for name, task in tasks.items()
    }
    return {name: {other: by_source[other][name] for other in tasks if other != name} for name in tasks}


def explained_by_label(labels: MainLabels, tasks: Mapping[str, Features], seed: int) -> dict[str, float]:
    """Tell how much of each task's target is a function of the main label.

    Parameters
    ----------
    labels : MainLabels
        The main labels.
    tasks, seed
        As for `explained_by`.

    Returns
    -------
    dict of str to float
        As `explained_by` has it; NaN without labels to tell from.

    Notes
    -----
    Of a class any function is linear in its one-hot columns; of numbers only linear ones are found.
    """
    if labels.trouble:
        return dict.fromkeys(tasks, float("nan"))
    columns = labels.columns(labels.present)
    chosen = {name: Features(task.values[labels.present], task.present[labels.present]) for name, task in tasks.items()}
    return explained_by(columns, np.ones(len(columns), np.bool_), chosen, seed)


def rounded(share: float) -> float:
    """Leave out digits that depend on the order of additions, and so on the order of the tasks.

    Parameters
    ----------
    share : float
        A share of variance; below 0 where a map is worse than the mean.

    Returns
    -------
    float
        From 0 to 1, or NaN.

    Examples
    --------
    >>> rounded(-0.001), rounded(0.123456789)
    (0.0, 0.123457)
    """
    return share if isnan(share) else round(max(share, 0.0), 6)
