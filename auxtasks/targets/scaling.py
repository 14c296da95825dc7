"""From a target's own units to those it is trained in, and back."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.specs import TargetSpec
from auxtasks.targets.samples import row_slices
from auxtasks.targets.statistics import Moments, Numbers, Seen
from auxtasks.targets.tasks import Task
from auxtasks.typing import Array, Floats


@dataclass(frozen=True, eq=False)
class Scaling:
    """A change of units fitted on training data, and the columns it leaves out.

    Parameters
    ----------
    log1p : bool
        Whether ``log1p`` comes first.
    mean, std : ndarray of float64, shape (d,)
        What is subtracted and divided by, for each entry of the last axis before columns are left out. A column
        left out because it is constant has its value as `mean` and 0 as `std`; one never present has NaN as `mean`.
    kept : tuple of int
        The columns that are kept.
    origin : tuple of int
        For each column, which of the kept ones it is recovered from; -1 where it has a value of its own.
    """

    log1p: bool
    mean: Array
    std: Array
    kept: tuple[int, ...]
    origin: tuple[int, ...]

    def apply(self, values: Floats, *, in_place: bool = False) -> Floats:
        """Scale a target.

        Parameters
        ----------
        values : ndarray of float, shape (n, ..., d)
            The target in its own units, NaN where missing.
        in_place : bool
            Whether to overwrite `values`, which must be C-contiguous; then nothing is allocated that grows with n.

        Returns
        -------
        ndarray of float, shape (n, ..., len(kept))
            In the dtype of `values`.

        Examples
        --------
        >>> Scaling(False, np.array([2.0]), np.array([0.5]), (0,), (0,)).apply(np.array([[3.0]]))
        array([[2.]])
        """
        shape = (*values.shape[:-1], len(self.kept))
        room = values if in_place else np.empty(shape, values.dtype)
        # Rows get shorter where columns are left out, so a row written never reaches one that is still to be read.
        scaled = room.reshape(-1)[: prod(shape)].reshape(shape)
        kept = list(self.kept)
        mean, std = self.mean[kept], self.std[kept]
        for rows in row_slices(len(values), 8 * prod(values.shape[1:])):
            block = values[rows].astype(np.float64)
            if len(kept) < values.shape[-1]:
                block = block[..., kept]
            if self.log1p:
                np.log1p(block, out=block)
            block -= mean
            block /= std
            scaled[rows] = block
        return scaled

    def invert(self, values: Array) -> Floats:
        """Turn a scaled target, or a prediction of one, into the target's own units.

        Parameters
        ----------
        values : ndarray of float, shape (..., len(kept))
            The scaled values.

        Returns
        -------
        ndarray of float, shape (..., d)
            With the columns put back that were left out: constants by their value, copies by that of their twin,
            those never present as NaN. In the dtype of `values`, and limited to what that can hold, because
            undoing the logarithm of a wild prediction would overflow.

        Examples
        --------
        >>> Scaling(False, np.array([2.0, 7.0]), np.array([0.5, 0.0]), (0,), (0, -1)).invert(np.array([[2.0]]))
        array([[3., 7.]])
        """
        values = np.asarray(values)
        dtype = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
        origin = np.array(self.origin)
        full = values.astype(np.float64)[..., np.maximum(origin, 0)] if self.kept else np.zeros((*values.shape[:-1], 1))
        full = np.where(origin >= 0, full, 0.0) * self.std + self.mean
        limit = float(np.finfo(dtype).max)
        with np.errstate(over="ignore"):
            full = np.clip(np.expm1(full) if self.log1p else full, -limit, limit)
            return full.astype(dtype)

    def to_dict(self) -> dict[str, Any]:
        """Return the scaling as plain JSON types; `from_dict` is the inverse."""
        mean = [None if np.isnan(value) else float(value) for value in self.mean]
        return {
            "log1p": self.log1p,
            "mean": mean,
            "std": self.std.tolist(),
            "kept": list(self.kept),
            "origin": list(self.origin),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Scaling:
        """Make a scaling from what `to_dict` returned, also after a round trip through JSON."""
        mean = np.array([np.nan if value is None else value for value in fields["mean"]], np.float64)
        std = np.array(fields["std"], np.float64)
        return cls(bool(fields["log1p"]), mean, std, tuple(fields["kept"]), tuple(fields["origin"]))


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
    >>> from auxtasks.targets.raw import RawTarget
    >>> from auxtasks.targets.statistics import see
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
    >>> from auxtasks.targets.raw import RawTarget
    >>> from auxtasks.targets.statistics import see
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


def fit_scaling(found: Moments, dropped: Mapping[int, tuple[str, int]], eps: float, *, log1p: bool) -> Scaling:
    """Make the scaling to mean 0 and standard deviation 1.

    Parameters
    ----------
    found : Moments
        The statistics of every position; a vector is scaled by column, anything else by entry of its last axis.
    dropped : mapping of int to (str, int)
        The columns to leave out, with the reason and, for a copy, the column it copies.
    eps : float
        The relative rounding error of the values.
    log1p : bool
        Whether ``log1p`` comes first; the statistics are of what results.

    Returns
    -------
    Scaling
        With standard deviation 1 for what is kept and does not vary.

    Examples
    --------
    >>> fit_scaling(Moments(np.full(1, 2.0), np.ones(1), np.full(1, 8.0)), {}, 1e-7, log1p=False).std
    array([2.])
    """
    pooled = found if found.count.ndim == 1 else found.pooled()
    kept = tuple(i for i in range(len(pooled.mean)) if i not in dropped)
    # Where nothing varies (a dead channel of an image) there is nothing to divide by.
    std = np.where(constant(pooled, eps), 1.0, pooled.std)
    mean = np.where(pooled.count > 0, pooled.mean, np.nan)
    place = {column: position for position, column in enumerate(kept)}
    # A copy is found where its twin is; constants and columns without a value are found nowhere.
    origin = tuple(place.get(dropped.get(i, ("", i))[1], -1) for i in range(len(mean)))
    std[np.array(origin) < 0] = 0.0
    return Scaling(log1p, mean, std, kept, origin)


CONSTANT, COPY, ABSENT = "constant", "copy of", "no value"


def column_names(natural: Sequence[int], axes: Sequence[str], name: str) -> tuple[str, ...]:
    """Name the columns of a flattened vector.

    Parameters
    ----------
    natural : sequence of int
        The shape of one sample's vector before it was flattened.
    axes : sequence of str
        The names of its axes; axes without one are called ``"value"``.
    name : str
        The name of the target, for a vector without axes.

    Returns
    -------
    tuple of str
        In the order of the flattened values.

    Examples
    --------
    >>> column_names((1, 2), ["channel", "coefficient"], "fft")
    ('channel 0, coefficient 0', 'channel 0, coefficient 1')
    """
    if not natural:
        return (name,)
    words = [*axes, *["value"] * (len(natural) - len(axes))]
    labels = [[f"{word} {i}" for i in range(length)] for word, length in zip(words, natural, strict=False)]
    names = [""]
    for axis in labels:
        names = [f"{before}, {label}" if before else label for before in names for label in axis]
    return tuple(names)


def constant(found: Moments, eps: float) -> Array:
    """Mark what varies no more than rounding makes a constant vary.

    Parameters
    ----------
    found : Moments
        The statistics.
    eps : float
        The relative rounding error of the values.

    Returns
    -------
    ndarray of bool
        True where the standard deviation is at most four rounding errors of the mean.

    Examples
    --------
    >>> constant(Moments(np.ones(2), np.ones(2), np.array([0.0, 1.0])), 1e-7)
    array([ True, False])
    """
    result: Array = found.std <= 4 * eps * np.abs(found.mean)
    return result


def useless(found: Moments, twins: Array, eps: float) -> dict[int, tuple[str, int]]:
    """Find the columns that are constant, never present or exact copies of an earlier one.

    Parameters
    ----------
    found : Moments
        The statistics of the columns.
    twins : ndarray of int, shape (d,)
        For each column, the first with the same values.
    eps : float
        The relative rounding error of the values.

    Returns
    -------
    dict of int to (str, int)
        For such a column the reason and, for a copy, the column it copies (-1 otherwise).

    Examples
    --------
    >>> found = Moments(np.full(3, 2.0), np.array([1.5, 5.0, 1.5]), np.array([0.5, 0.0, 0.5]))
    >>> useless(found, np.array([0, 1, 0]), 1e-7)
    {1: ('constant', -1), 2: ('copy of', 0)}
    """
    reasons: dict[int, tuple[str, int]] = {}
    still = constant(found, eps)
    for column, twin in enumerate(twins.tolist()):
        if found.count[column] == 0:
            reasons[column] = (ABSENT, -1)
        elif still[column]:
            reasons[column] = (CONSTANT, -1)
        elif twin != column:
            reasons[column] = (COPY, twin)
    return reasons


def chance_of_numbers(found: Moments, scaling: Scaling | None) -> float:
    """Compute the mean squared error of predicting the mean at every position.

    Parameters
    ----------
    found : Moments
        The statistics of every position.
    scaling : Scaling or None
        The scaling, if the target is trained in other units than its own.

    Returns
    -------
    float
        In the squared units that are trained: 1 for a scaled vector. For an image it is below 1 where pixels differ in
        their means, which a constant prediction knows too.

    Examples
    --------
    >>> import numpy as np
    >>> chance_of_numbers(Moments(np.full(1, 2.0), np.ones(1), np.full(1, 8.0)), None)
    4.0
    """
    squares, count = found.squares, found.count
    if scaling is not None:
        kept = list(scaling.kept)
        squares, count = squares[..., kept] / scaling.std[kept] ** 2, count[..., kept]
    return float(squares.sum() / max(1.0, float(count.sum())))
