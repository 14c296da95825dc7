"""From a target's own units to those it is trained in, and back."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, warn_user
from auxtasks.specs import CLASS_KINDS, DECLARED, TargetSpec, counted_columns
from auxtasks.targets.samples import row_slices
from auxtasks.targets.statistics import Moments, Numbers, TargetStatistics
from auxtasks.targets.tasks import Task
from auxtasks.typing import Array, Floats


@dataclass(frozen=True, eq=False)
class Scaling:
    """A change of units fitted on training data, and the columns it leaves out.

    `mean` and `std`, of shape (d,), are subtracted and divided by, for each entry of the last axis before columns are
    left out. A column left out because it is constant has its value as `mean` and 0 as `std`; one never present has
    NaN as `mean`.
    """

    log1p: bool  # whether log1p comes first
    mean: Array
    std: Array
    kept: tuple[int, ...]  # the columns that are kept
    origin: tuple[int, ...]  # for each column, which of the kept ones it is recovered from; -1 for a value of its own

    def apply(self, values: Floats, *, name: str = "", in_place: bool = False) -> Floats:
        """Scale a target; what then exceeds the range of its dtype is missing, and said to be."""
        shape = (*values.shape[:-1], len(self.kept))
        room = values if in_place else np.empty(shape, values.dtype)
        # Rows get shorter where columns are left out, so a row written never reaches one that is still to be read.
        scaled = room.reshape(-1)[: prod(shape)].reshape(shape)
        kept = list(self.kept)
        mean, std = self.mean[kept], self.std[kept]
        too_large: list[int] = []
        overflows: list[str] = []
        for rows in row_slices(len(values), 8 * prod(values.shape[1:])):
            block = values[rows].astype(np.float64)
            if len(kept) < values.shape[-1]:
                block = block[..., kept]
            if self.log1p:
                np.log1p(block, out=block)
            # The processor tells of overflow, so that there need be no look for it.
            with np.errstate(over="call", call=lambda kind, _: overflows.append(kind)):
                block -= mean
                block /= std
                scaled[rows] = block
            if overflows:
                infinite = np.isinf(scaled[rows])
                scaled[rows][infinite] = np.nan
                too_large.append(int(infinite.sum()))
        if any(too_large):
            warn_user(
                f"{sum(too_large)} values of the target {name!r} exceed the range of {values.dtype} in units of its "
                "standard deviation on the training data, and count as missing; bring the inputs to the unit of the "
                "training inputs."
            )
        return scaled

    def invert(self, values: Array) -> Floats:
        """Turn a scaled target, or a prediction of one, into the target's own units."""
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
        mean = [None if np.isnan(value) else float(value) for value in self.mean]
        return {**vars(self), "mean": mean, "std": self.std.tolist()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Scaling:
        mean = np.array([np.nan if value is None else value for value in fields["mean"]], np.float64)
        std = np.array(fields["std"], np.float64)
        return cls(bool(fields["log1p"]), mean, std, tuple(fields["kept"]), tuple(fields["origin"]))


_LOGGER = logging.getLogger("auxtasks")


def fit_targets(
    tasks: Sequence[Task], seen: Mapping[str, TargetStatistics], *, scale: bool, compute: np.dtype[np.floating]
) -> tuple[dict[str, TargetSpec], dict[str, Scaling]]:
    tried = {task.name: fit_target(task, seen[task.name], scale=scale, compute=compute) for task in tasks}
    fitted = {name: found for name, found in tried.items() if found is not None}
    if not fitted:
        raise InvalidInputError(
            "`tasks`: every target is constant or has no value on these inputs, so there is nothing to learn; check "
            "the inputs, or choose other tasks."
        )
    scalings = {name: scaling for name, (_, scaling) in fitted.items() if scaling is not None}
    return {name: spec for name, (spec, _) in fitted.items()}, scalings


def fit_target(
    task: Task, seen: TargetStatistics, *, scale: bool, compute: np.dtype[np.floating]
) -> tuple[TargetSpec, Scaling | None] | None:
    """Return the spec and the scaling of one target; nothing where there is nothing to learn.

    Without scaling nothing is left out, and a constant target, for which guessing costs nothing, has the chance 1.0:
    its loss is then not rescaled.
    """
    by_column = seen.kind in ("vector", "multilabel")
    columns = (task.names or column_names(seen.natural, task.extractor.axes, task.name)) if by_column else ()
    classes = () if by_column else task.names
    scaling: Scaling | None = None
    dropped: dict[int, str] = {}
    if isinstance(seen.statistics, Numbers):
        found, twins = seen.statistics.moments, seen.statistics.twins
        eps = max(float(np.finfo(seen.dtype).eps), float(np.finfo(compute).eps))
        if scale:
            dropped = {} if twins is None else useless(found, twins, eps, columns)
            scaling = fit_scaling(found, dropped, twins, eps, log1p=task.extractor.log1p)
        chance = 0.0 if constant(found, eps).all() else chance_of_numbers(found, scaling)
        _check_not_vanishing(task.name, found, seen.dtype)
    else:
        chance = seen.statistics.baseline_loss
    if chance == 0 and scale:
        warn_user(
            f"target {task.name!r} {'has no value' if seen.statistics.absent else 'is constant'} on the training data "
            "and is left out: there is nothing to learn from it."
        )
        return None
    kept = tuple(name for i, name in enumerate(columns) if i not in dropped)
    spec = TargetSpec(
        name=task.name,
        task=task.extractor.name,
        kind=seen.kind,
        shape=(len(kept),) if seen.kind == "vector" else seen.shape,
        n_classes=len(classes) if seen.kind in CLASS_KINDS else None,
        baseline_loss=chance or 1.0,
        columns=kept,
        classes=classes,
        dropped=tuple(f"{columns[i]} ({reason})" for i, reason in dropped.items()),
        options=task.options,
        **{name: getattr(task.extractor, name) for name in DECLARED},
    )
    _LOGGER.info("%s", _line(spec, scaling))
    return spec, scaling


def _check_not_vanishing(name: str, found: Moments, dtype: np.dtype[Any]) -> None:
    """Refuse numbers so small that their dtype, or their variance, has lost the digits that tell them apart."""
    largest = float(np.hypot(found.mean, found.std).max(initial=0))
    smallest = max(float(np.finfo(dtype).smallest_subnormal), float(np.finfo(np.float64).tiny) ** 0.5)
    least = smallest / float(np.finfo(np.float32).eps)
    if 0 < largest < least:
        raise InvalidInputError(
            f"target {name!r} holds values of at most some {largest:.1g}, too small to compute their variance in "
            f"{dtype}; multiply the inputs by a power of ten, or leave the target out."
        )


def _line(spec: TargetSpec, scaling: Scaling | None) -> str:
    how = "not scaled" if scaling is None else "log1p, mean and std" if scaling.log1p else "mean and std"
    left = f"; left out: {counted_columns(spec.dropped)}" if spec.dropped else ""
    return f"{spec.name}: {spec.kind} {spec.shape}, {how}, baseline {spec.baseline_loss:.4g}{left}"


def fit_scaling(found: Moments, dropped: Collection[int], twins: Array | None, eps: float, *, log1p: bool) -> Scaling:
    pooled = found if found.count.ndim == 1 else found.pooled()
    kept = tuple(i for i in range(len(pooled.mean)) if i not in dropped)
    # Where nothing varies (a dead channel of an image) there is nothing to divide by.
    std = np.where(constant(pooled, eps), 1.0, pooled.std)
    mean = np.where(pooled.count > 0, pooled.mean, np.nan)
    place = {column: position for position, column in enumerate(kept)}
    # A copy is found where its twin is; constants and columns without a value are found nowhere.
    origin = tuple(place.get(twin, -1) for twin in (range(len(mean)) if twins is None else twins.tolist()))
    std[np.array(origin) < 0] = 0.0
    return Scaling(log1p, mean, std, kept, origin)


def column_names(natural: Sequence[int], axes: Sequence[str], name: str) -> tuple[str, ...]:
    if not natural:
        return (name,)
    words = [*axes, *["value"] * (len(natural) - len(axes))]
    labels = [[f"{word} {i}" for i in range(length)] for word, length in zip(words, natural, strict=False)]
    return tuple(map(", ".join, product(*labels)))


def constant(found: Moments, eps: float) -> Array:
    """Mark what varies no more than rounding makes a constant vary."""
    result: Array = found.std <= 4 * eps * np.abs(found.mean)
    return result


def useless(found: Moments, twins: Array, eps: float, columns: Sequence[str]) -> dict[int, str]:
    """Say of the columns that are constant, never present or exact copies of an earlier one which they are."""
    reasons: dict[int, str] = {}
    still = constant(found, eps)
    for column, twin in enumerate(twins.tolist()):
        if found.count[column] == 0:
            reasons[column] = "without any value"
        elif still[column]:
            reasons[column] = "constant"
        elif twin != column:
            reasons[column] = f"copy of {columns[twin]}"
    return reasons


def chance_of_numbers(found: Moments, scaling: Scaling | None) -> float:
    """Compute the mean squared error of predicting the mean at every position."""
    squares, count = found.squares, found.count
    if scaling is not None:
        kept = list(scaling.kept)
        squares, count = squares[..., kept] / scaling.std[kept] ** 2, count[..., kept]
    return float(squares.sum() / max(1.0, float(count.sum())))
