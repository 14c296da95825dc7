"""Calling the function of a task, and checking what it gives."""

from __future__ import annotations

import numpy as np

from auxtasks.compute.checks import check_rows
from auxtasks.compute.task import Task
from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array, Floats


def call(task: Task, X: Floats) -> Array:
    """Call the extractor of a task, and check that it answers for every sample.

    Parameters
    ----------
    task : Task
        The task.
    X : ndarray, shape (n, ...)
        The samples, in the extractor's layout.

    Returns
    -------
    ndarray, shape (n, ...)
        What it gives.

    Raises
    ------
    InvalidInputError
        If the result does not have one row per sample.

    Examples
    --------
    >>> call(Task("peak", "peak", "vector", function=lambda X: X.max(axis=1)), np.ones((2, 3, 1))).shape
    (2, 1)
    """
    if task.function is None:
        raise InvalidInputError(f"task {task.name!r} is a given column and cannot be computed; pass it in `given`.")
    # Extremes of the user's data may overflow; what is not finite is then marked as missing, and said once.
    with np.errstate(over="ignore", invalid="ignore"):
        result = np.asarray(task.function(X, **task.arguments))
    check_rows(task, result, len(X))
    return result


def call_pair(task: Task, X: Floats, rng: np.random.Generator | None = None) -> tuple[Array, Array]:
    """Call the extractor of a task that changes its inputs.

    Parameters
    ----------
    task : Task
        The task.
    X : ndarray, shape (n, ...)
        The samples, in the extractor's layout.
    rng : numpy.random.Generator, optional
        Where draws come from, for a task that makes copies; these must have the shape of the samples.

    Returns
    -------
    changed : ndarray, shape (n, ...)
        The inputs that result, or the copies.
    result : ndarray, shape (n, ...)
        The target.

    Raises
    ------
    InvalidInputError
        If either does not have one row per sample.

    Examples
    --------
    >>> cut = Task("last", "last", "vector", function=lambda X: (X[:, :-1], X[:, -1]))
    >>> call_pair(cut, np.ones((2, 3, 1)))[0].shape
    (2, 2, 1)
    """
    if task.function is None:
        raise InvalidInputError(f"task {task.name!r} is a given column and cannot change the inputs.")
    extra = {} if rng is None else {"rng": rng}
    changed, result = task.function(X, **extra, **task.arguments)
    check_rows(task, changed, len(X))
    check_rows(task, result, len(X))
    if rng is not None and changed.shape != X.shape:
        raise InvalidInputError(
            f"task {task.name!r} must give one copy of the same shape per sample: expected {X.shape}, "
            f"got {changed.shape}."
        )
    return changed, result
