"""What an audit is to measure: names checked, classes found."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auxtasks.audit.metrics.catalogue import DEFAULTS, METRICS, PER_CLASS, one_of
from auxtasks.audit.metrics.labels import missing_entries
from auxtasks.audit.metrics.problem import Problem, without_last_one
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.typing import Array
from auxtasks.validation import check_choice


def checked_names(names: str | Iterable[str] | None, problem: Problem) -> tuple[str, ...]:
    """Return names of metrics that are defined for a problem.

    Parameters
    ----------
    names : str, iterable of str or None
        What the user chose; the defaults with None.
    problem : {"binary", "multiclass", "multilabel", "regression"}
        The kind of the main task.

    Returns
    -------
    tuple of str
        The first is the judged one.

    Raises
    ------
    InvalidTypeError, UnknownNameError, InvalidInputError
        As `auxtasks.audit.metrics.Metrics.of`.

    Examples
    --------
    >>> checked_names("r2", "regression"), checked_names(None, "binary")
    (('r2',), ('accuracy', 'f1', 'log_loss'))
    """
    check_choice("problem", problem, DEFAULTS)
    if names is None:
        return DEFAULTS[problem]
    if not isinstance(names, Iterable):
        raise InvalidTypeError(f"`metrics` must be names of metrics; got {names!r} of type {type(names).__name__}.")
    chosen = (names,) if isinstance(names, str) else tuple(names)
    fitting = [name for name, metric in METRICS.items() if problem in metric.problems]
    for name in chosen:
        if one_of(name)[0] not in fitting:
            raise InvalidInputError(
                f"`metrics`: {name!r} is not defined for a {problem} problem. Those that are: {', '.join(fitting)}."
            )
    if not chosen or len(set(chosen)) < len(chosen) or chosen[0].endswith(PER_CLASS):
        raise InvalidInputError(
            f"`metrics` must hold different names, the first of a single number, which is the judged one; got {chosen}."
        )
    return chosen


def classes_of(labels: Array, problem: Problem, rank: int) -> tuple[int, ...]:
    """List the classes that occur; a model may have outputs for others, which no test part can judge.

    Parameters
    ----------
    labels : ndarray
        All labels there are.
    problem : {"binary", "multiclass", "multilabel", "regression"}
        What they are for.
    rank : int
        The number of dimensions of the model's output; labels of as many are one-hot.

    Returns
    -------
    tuple of int
        Classes, or columns of several labels; empty for numbers.

    Examples
    --------
    >>> classes_of(np.array([3, -1, 1]), "multiclass", 2)
    (1, 3)
    """
    labels = without_last_one(labels)
    if problem in ("regression", "binary"):
        return () if problem == "regression" else (0, 1)
    if problem == "multilabel":
        return tuple(range(labels.shape[-1]))
    missing = missing_entries(labels)
    present = labels.argmax(axis=-1)[~missing.any(axis=-1)] if labels.ndim == rank else labels[~missing]
    return tuple(np.unique(present).astype(int).tolist())
