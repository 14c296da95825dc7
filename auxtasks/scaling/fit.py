"""Fitting a target on training data: its scaling, and the spec that heads are built from."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auxtasks.compute.task import Task
from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.scaling.chance import chance_of_numbers
from auxtasks.scaling.columns import COPY, column_names, constant, useless
from auxtasks.scaling.scaling import Scaling
from auxtasks.scaling.seen import Numbers, Seen
from auxtasks.scaling.standardise import fit_scaling
from auxtasks.specs import TargetSpec

_LOGGER = logging.getLogger("auxtasks")


@dataclass(frozen=True)
class Fitted:
    """What training data tell of a target: its spec, and its scaling if it has one."""

    spec: TargetSpec
    scaling: Scaling | None


def fit_targets(
    tasks: Sequence[Task], seen: Mapping[str, Seen], *, scale: bool, compute: np.dtype[np.floating]
) -> tuple[dict[str, TargetSpec], dict[str, Scaling]]:
    """Fit every target that there is something to learn from.

    Parameters
    ----------
    tasks : sequence of Task
        What was computed.
    seen : mapping of str to Seen
        What the training data tell of each.
    scale, compute
        As for `fit_target`.

    Returns
    -------
    specs : dict of str to TargetSpec
        In the order of the tasks.
    scalings : dict of str to Scaling
        Of those that are scaled.

    Raises
    ------
    InvalidInputError
        If nothing is left.

    Examples
    --------
    >>> from auxtasks.compute.raw import RawTarget
    >>> from auxtasks.scaling.seen import see
    >>> task, raw = Task("a", "a", "vector"), RawTarget("a", "vector", (1,), np.array([[1.0], [3.0]]))
    >>> specs, scalings = fit_targets(
    ...     [task], {"a": see(task, raw, scale=True)}, scale=True, compute=np.dtype("float64")
    ... )
    >>> scalings["a"].mean
    array([2.])
    """
    fitted = {task.name: fit_target(task, seen[task.name], scale=scale, compute=compute) for task in tasks}
    specs = {name: found.spec for name, found in fitted.items() if found is not None}
    if not specs:
        raise InvalidInputError(
            "`tasks`: every target is constant or has no value on these inputs, so nothing is left to learn; check the "
            "inputs, or choose other tasks."
        )
    return specs, {name: found.scaling for name, found in fitted.items() if found is not None and found.scaling}


def fit_target(task: Task, seen: Seen, *, scale: bool, compute: np.dtype[np.floating]) -> Fitted | None:
    """Fit one target.

    Parameters
    ----------
    task : Task
        What was computed.
    seen : Seen
        What the training data tell of it, with the same `scale`.
    scale : bool
        Whether numbers are scaled, and what teaches nothing is left out.
    compute : dtype
        The dtype the values were computed in, which bounds their rounding error.

    Returns
    -------
    Fitted or None
        None if the whole target is constant or missing and `scale` asks to leave it out.

    Warns
    -----
    AuxTasksWarning
        If the target is left out.

    Notes
    -----
    Without scaling nothing is left out, and a constant target, for which guessing costs nothing, has the chance 1.0:
    its loss is then not rescaled.

    Examples
    --------
    >>> from auxtasks.compute.raw import RawTarget
    >>> from auxtasks.scaling.seen import see
    >>> task, raw = Task("a", "a", "vector"), RawTarget("a", "vector", (1,), np.array([[1.0], [3.0]]))
    >>> fit_target(task, see(task, raw, scale=True), scale=True, compute=np.dtype("float64")).spec.chance
    1.0
    """
    columns = task.columns
    if seen.kind in ("vector", "multilabel") and not columns:
        columns = column_names(seen.natural, task.axes, task.name)
    scaling: Scaling | None = None
    dropped: dict[int, tuple[str, int]] = {}
    if isinstance(seen.statistics, Numbers):
        found, twins = seen.statistics.moments, seen.statistics.twins
        eps = max(float(np.finfo(seen.dtype).eps), float(np.finfo(compute).eps))
        if scale:
            dropped = {} if twins is None else useless(found, twins, eps)
            scaling = fit_scaling(found, dropped, eps, log1p=task.log1p)
        chance = 0.0 if constant(found, eps).all() else chance_of_numbers(found, scaling)
    else:
        chance = seen.statistics.chance
    if chance == 0 and scale:
        _warn_left_out(task.name, seen)
        return None
    kept = tuple(name for i, name in enumerate(columns) if i not in dropped)
    spec = TargetSpec(
        name=task.name,
        task=task.task,
        kind=seen.kind,
        shape=(len(kept),) if seen.kind == "vector" else seen.shape,
        n_classes=len(task.classes) if seen.kind in ("class", "step_class") else None,
        chance=chance or 1.0,
        place=task.place,
        columns=kept,
        classes=task.classes,
        dropped=tuple(_say(columns, i, reason) for i, reason in dropped.items()),
        options=task.options,
        per_sample=task.per_sample,
        asks_for=task.asks_for,
        level=task.level,
        share=task.share,
    )
    _LOGGER.info("%s", _line(spec, scaling))
    return Fitted(spec, scaling)


def _warn_left_out(name: str, seen: Seen) -> None:
    reason = "has no value" if seen.statistics.absent else "is constant"
    text = f"target {name!r} {reason} on the training data and is left out: there is nothing to learn from it."
    warnings.warn(text, AuxTasksWarning, stacklevel=2)


def _say(columns: tuple[str, ...], column: int, reason: tuple[str, int]) -> str:
    word, twin = reason
    return f"{columns[column]} ({word} {columns[twin]})" if word == COPY else f"{columns[column]} ({word})"


def _line(spec: TargetSpec, scaling: Scaling | None) -> str:
    how = "not scaled" if scaling is None else "log1p, mean and std" if scaling.log1p else "mean and std"
    left = f"; left out: {'; '.join(spec.dropped)}" if spec.dropped else ""
    return f"{spec.name}: {spec.kind} {spec.shape}, {how}, chance {spec.chance:.4g}{left}"
