"""Targets and inputs as tables of numbers, one row for each sample."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from auxtasks.audit.screen.columns import averaged, frequencies, standardised
from auxtasks.specs import TargetSpec
from auxtasks.typing import Array, Floats

CLASSES = 200
"""How many classes, words and the like get a column of their own."""
_GRID = 8
_INPUT_VALUES = 1000


class Features(NamedTuple):
    """Centred columns without NaN, and which samples have a value at all."""

    values: Floats
    present: Array


def features_of(target: Array, spec: TargetSpec) -> Floats:
    """Lay a target out as columns.

    Parameters
    ----------
    target : ndarray
        The target of some samples.
    spec : TargetSpec
        What it is.

    Returns
    -------
    ndarray of float, shape (n, columns)
        Columns of a vector by themselves; of a vector per step its mean and standard deviation over the steps; of
        an image its means on a grid of 8 by 8; of a class one column for each class that occurs; of classes per step
        how often each occurs, for the 200 most frequent. NaN where missing.

    Examples
    --------
    >>> spec = TargetSpec("tags", "tags", "step_class", (3,), n_classes=2)
    >>> features_of(np.array([[0, 0, 1, 1], [0, 1, 1, -1]]), spec).round(2).tolist()
    [[0.5, 0.5], [0.67, 0.33]]
    """
    if spec.kind in ("class", "step_class"):
        return frequencies(target, CLASSES)
    numbers: Floats = target.astype(np.float64)
    if spec.kind == "multilabel":
        numbers[numbers < 0] = np.nan
    if spec.kind == "step_vector":
        return _over_steps(numbers)
    if spec.kind == "image" and numbers.ndim == 4:
        numbers = averaged(numbers, [min(_GRID, length) for length in numbers.shape[1:3]])
    return numbers.reshape(len(numbers), -1)


def target_features(spec: TargetSpec, target: Array) -> Features:
    """Lay a target out as centred columns; those that are constant are left out.

    Parameters
    ----------
    spec : TargetSpec
        What it is.
    target : ndarray
        The target of some samples.

    Returns
    -------
    Features
        The columns of `features_of`: of vectors each with a standard deviation of 1, of other kinds all divided by the
        same number, because their columns are of one unit.

    Examples
    --------
    >>> target_features(TargetSpec("a", "a", "vector", (2,)), np.array([[0.0, 5.0], [2.0, 5.0]])).values.tolist()
    [[-1.0], [1.0]]
    """
    table = features_of(target, spec)
    known: Array = np.logical_not(np.isnan(table).all(axis=1))
    columns = standardised(table, each=spec.kind in ("vector", "step_vector"))
    return Features(columns, known)


def step_features(target: Array) -> Features:
    """Lay a vector per step out as the means of a few stretches of time.

    Mean and standard deviation, which `features_of` takes, hide that a target is a linear function of the input; these
    do not.

    Parameters
    ----------
    target : ndarray of float, shape (n, time, columns)
        The target of some samples.

    Returns
    -------
    Features
        Eight stretches at most.

    Examples
    --------
    >>> step_features(np.array([[[0.0], [1.0]], [[2.0], [3.0]]])).values.round(3).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    """
    means = averaged(target.astype(np.float64), [min(_GRID, target.shape[1])]).reshape(len(target), -1)
    known: Array = np.logical_not(np.isnan(means).all(axis=1))
    return Features(standardised(means, each=False), known)


def input_features(inputs: Array, *, words: bool) -> Floats:
    """Lay inputs out as columns.

    Parameters
    ----------
    inputs : ndarray, shape (n, ...)
        The inputs of some samples.
    words : bool
        Whether they are the numbers of words, of which only the frequencies mean something to a linear model.

    Returns
    -------
    ndarray of float, shape (n, columns)
        Flattened; what has more than 1,000 numbers and axes of time or space is averaged along them first.

    Examples
    --------
    >>> input_features(np.zeros((3, 512, 6)) + np.arange(512)[:, None] * np.arange(3)[:, None, None], words=False).shape
    (3, 768)
    """
    if words:
        return standardised(frequencies(inputs, CLASSES), each=False)
    numbers: Floats = inputs.astype(np.float64)
    lengths = list(numbers.shape[1:-1])
    while lengths and np.prod(lengths) * numbers.shape[-1] > _INPUT_VALUES and max(lengths) > 1:
        longest = lengths.index(max(lengths))
        lengths[longest] = (lengths[longest] + 1) // 2
    return standardised(averaged(numbers, lengths).reshape(len(numbers), -1), each=numbers.ndim <= 2)


def _over_steps(numbers: Floats) -> Floats:
    """Return mean and standard deviation over the steps that are present."""
    present = ~np.isnan(numbers)
    count = present.sum(axis=1).astype(np.float64)
    count[count == 0] = np.nan
    mean = np.where(present, numbers, 0.0).sum(axis=1) / count
    deviations = np.where(present, numbers - mean[:, None], 0.0)
    return np.concatenate([mean, np.sqrt(np.square(deviations).sum(axis=1) / count)], axis=1)
