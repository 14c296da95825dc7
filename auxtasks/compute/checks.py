"""Checks of shapes: of what extractors give, and of new data against the training data."""

from __future__ import annotations

from collections.abc import Mapping

from auxtasks.compute.raw import RawTarget
from auxtasks.compute.task import Task
from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array


def check_rows(task: Task, result: Array, n: int) -> None:
    """Refuse a result that does not have one row per sample.

    Parameters
    ----------
    task : Task
        The task.
    result : ndarray
        What its extractor gave.
    n : int
        How many samples it was given.

    Raises
    ------
    InvalidInputError
        If the first axis is not of length n.

    Examples
    --------
    >>> import numpy as np
    >>> check_rows(Task("a", "a", "vector"), np.ones((2, 1)), 2)
    """
    if result.ndim == 0 or len(result) != n:
        raise InvalidInputError(
            f"task {task.name!r} must give one row per sample: expected shape ({n}, ...), got {result.shape}."
        )


def check_like_training(found: tuple[int, ...], fitted: tuple[int, ...], domain: str) -> None:
    """Refuse samples that could not go through a model trained on others.

    Parameters
    ----------
    found, fitted : tuple of int
        The shape of one sample, channel axis included, of these inputs and of the training inputs.
    domain : str
        The domain; signals may differ in length, and videos in the number of frames.

    Raises
    ------
    InvalidInputError
        If the shapes differ otherwise.

    Examples
    --------
    >>> check_like_training((90, 3), (100, 3), "signal")
    """
    free = 1 if domain in ("signal", "video") else 0
    if domain == "any" and len(found) == len(fitted) == 1 and found != fitted:
        raise InvalidInputError(
            f"X has {found[0]} features, but AuxTargetGenerator is expecting {fitted[0]} features as input; pass the "
            "columns of the training inputs."
        )
    if len(found) != len(fitted) or found[free:] != fitted[free:]:
        raise InvalidInputError(
            f"`X` has samples of shape {found}, and the training inputs had {fitted} (channels last); bring the "
            "inputs to the shape of the training inputs."
        )


def check_fitted_shapes(raw: Mapping[str, RawTarget], fitted: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse targets that differ in shape from those of the training data.

    Parameters
    ----------
    raw : mapping of str to RawTarget
        The targets of new data.
    fitted : mapping of str to tuple
        The shapes of one sample's values in the training data.

    Raises
    ------
    InvalidInputError
        If any differs.

    Examples
    --------
    >>> check_fitted_shapes({}, {})
    """
    for name, target in raw.items():
        if target.natural != fitted[name]:
            raise InvalidInputError(
                f"`X`: target {name!r} has shape (n, {', '.join(map(str, target.natural))}) for these inputs and had "
                f"(n, {', '.join(map(str, fitted[name]))}) for the training inputs; bring the inputs to the shape "
                "of the training inputs (crop, pad or resize them)."
            )
