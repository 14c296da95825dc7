"""Fitting a target on training data: its scaling, and the spec that heads are built from."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auxtasks.compute.raw import RawTarget
from auxtasks.compute.task import Task
from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.scaling.chance import chance_of_labels, chance_of_numbers
from auxtasks.scaling.columns import COPY, column_names, constant, useless
from auxtasks.scaling.moments import moments
from auxtasks.scaling.scaling import Scaling
from auxtasks.scaling.standardise import fit_scaling
from auxtasks.specs import NUMERIC_KINDS, TargetSpec

_LOGGER = logging.getLogger("auxtasks")


@dataclass(frozen=True)
class Fitted:
    """What training data tell of a target: its spec, and its scaling if it has one."""

    spec: TargetSpec
    scaling: Scaling | None


def fit_targets(
    tasks: Sequence[Task], raw: Mapping[str, RawTarget], *, scale: bool, compute: np.dtype[np.floating]
) -> tuple[dict[str, TargetSpec], dict[str, Scaling]]:
    """Fit every target that there is something to learn from.

    Parameters
    ----------
    tasks : sequence of Task
        What was computed.
    raw : mapping of str to RawTarget
        The values on the training data.
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
    >>> specs, scalings = fit_targets(
    ...     [Task("a", "a", "vector")],
    ...     {"a": RawTarget("a", "vector", (1,), np.array([[1.0], [3.0]]))},
    ...     scale=True,
    ...     compute=np.dtype("float64"),
    ... )
    >>> scalings["a"].mean
    array([2.])
    """
    fitted = {task.name: fit_target(task, raw[task.name], scale=scale, compute=compute) for task in tasks}
    specs = {name: found.spec for name, found in fitted.items() if found is not None}
    if not specs:
        raise InvalidInputError(
            "`tasks`: every target is constant or has no value on these inputs, so nothing is left to learn; check the "
            "inputs, or choose other tasks."
        )
    return specs, {name: found.scaling for name, found in fitted.items() if found is not None and found.scaling}


def fit_target(task: Task, raw: RawTarget, *, scale: bool, compute: np.dtype[np.floating]) -> Fitted | None:
    """Fit one target.

    Parameters
    ----------
    task : Task
        What was computed.
    raw : RawTarget
        Its values on the training data.
    scale : bool
        Whether numbers are scaled, and what teaches nothing is left out.
    compute : dtype
        The dtype the values were computed in, which bounds their rounding error.

    Returns
    -------
    Fitted or None
        None if the whole target is constant or missing and `scale` asks to leave it out.

    Raises
    ------
    InvalidInputError
        If classes lie outside those that the task declares, or a task with ``log1p`` gave negative values.

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
    >>> raw = RawTarget("a", "vector", (1,), np.array([[1.0], [3.0]]))
    >>> fit_target(Task("a", "a", "vector"), raw, scale=True, compute=np.dtype("float64")).spec.chance
    1.0
    """
    columns = task.columns
    if raw.kind in ("vector", "multilabel") and not columns:
        columns = column_names(raw.natural, task.axes, task.name)
    scaling: Scaling | None = None
    dropped: dict[int, tuple[str, int]] = {}
    if raw.kind in NUMERIC_KINDS:
        found = moments(raw.array, log1p=task.log1p and scale, name=raw.name)
        if raw.kind == "step_vector":
            # The best constant for a head that is alike at every step; what few long samples reach says little alone.
            found = found.pooled()
        eps = max(float(np.finfo(raw.array.dtype).eps), float(np.finfo(compute).eps))
        if scale:
            dropped = useless(raw.array, found, eps) if raw.kind == "vector" else {}
            scaling = fit_scaling(found, dropped, eps, log1p=task.log1p)
        chance = 0.0 if constant(found, eps).all() else chance_of_numbers(found, scaling)
    else:
        _check_classes(task, raw)
        chance = chance_of_labels(raw.array, raw.kind, len(task.classes))
    if chance == 0 and scale:
        _warn_left_out(raw)
        return None
    kept = tuple(name for i, name in enumerate(columns) if i not in dropped)
    spec = TargetSpec(
        name=task.name,
        task=task.task,
        kind=raw.kind,
        shape=(len(kept),) if raw.kind == "vector" else raw.array.shape[1:],
        n_classes=len(task.classes) if raw.kind in ("class", "step_class") else None,
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


def _check_classes(task: Task, raw: RawTarget) -> None:
    if raw.kind not in ("class", "step_class"):
        return
    low, high = int(raw.array.min()), int(raw.array.max())
    if low < -1 or high >= len(task.classes):
        raise InvalidInputError(
            f"target {task.name!r} holds classes from {low} to {high}; its task declares {len(task.classes)} classes, "
            f"so 0 to {len(task.classes) - 1} are expected, and -1 for missing."
        )


def _warn_left_out(raw: RawTarget) -> None:
    missing = np.isnan(raw.array).all() if raw.array.dtype.kind == "f" else bool((raw.array < 0).all())
    reason = "has no value" if missing else "is constant"
    text = f"target {raw.name!r} {reason} on the training data and is left out: there is nothing to learn from it."
    warnings.warn(text, AuxTasksWarning, stacklevel=2)


def _say(columns: tuple[str, ...], column: int, reason: tuple[str, int]) -> str:
    word, twin = reason
    return f"{columns[column]} ({word} {columns[twin]})" if word == COPY else f"{columns[column]} ({word})"


def _line(spec: TargetSpec, scaling: Scaling | None) -> str:
    how = "not scaled" if scaling is None else "log1p, mean and std" if scaling.log1p else "mean and std"
    left = f"; left out: {'; '.join(spec.dropped)}" if spec.dropped else ""
    return f"{spec.name}: {spec.kind} {spec.shape}, {how}, chance {spec.chance:.4g}{left}"
