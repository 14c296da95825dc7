"""What some samples tell of a target: all that fitting needs, small, and merged in any order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any, TypeVar

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.specs import NUMERIC_KINDS, Kind
from auxtasks.targets.computing import RawTarget
from auxtasks.targets.samples import row_slices
from auxtasks.targets.tasks import Task
from auxtasks.typing import Array


@dataclass(frozen=True)
class Moments:
    """Statistics over some values, all in float64."""

    count: Array  # how many values are present
    mean: Array  # 0 where there are none
    squares: Array  # the sum of their squared deviations from the mean

    @property
    def std(self) -> Array:
        result: Array = np.sqrt(self.squares / np.maximum(self.count, 1))
        return result

    def merged(self, other: Moments) -> Moments:
        """Return the statistics of both sets of values together.

        Chan, Golub and LeVeque, 1979: ``M2 = M2_a + M2_b + (mean_b - mean_a)² n_a n_b / n``; no large sums of squares
        are subtracted from each other, so that a large offset costs no digits.
        """
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        delta = other.mean - self.mean
        return Moments(
            count, self.mean + delta * share, self.squares + other.squares + delta * delta * self.count * share
        )

    def pooled(self) -> Moments:
        axes = tuple(range(self.count.ndim - 1))
        count = self.count.sum(axis=axes)
        mean = (self.count * self.mean).sum(axis=axes) / np.maximum(count, 1)
        between = self.count * (self.mean - mean) ** 2
        return Moments(count, mean, (self.squares + between).sum(axis=axes))


def moments(values: Array, *, log1p: bool, name: str) -> Moments:
    total = Moments(*(np.zeros(values.shape[1:]) for _ in range(3)))
    for rows in row_slices(len(values), 8 * prod(values.shape[1:])):
        block = values[rows].astype(np.float64)
        if log1p:
            if (block < 0).any():
                raise InvalidInputError(
                    f"target {name!r} holds negative values, but its task is declared with log1p=True; correct the "
                    "declaration of the task."
                )
            np.log1p(block, out=block)
        with np.errstate(over="ignore", invalid="ignore"):
            total = total.merged(_of_block(block))
    if not np.isfinite(total.squares).all():
        raise InvalidInputError(
            f"target {name!r} holds values too large to compute their variance; rescale the inputs."
        )
    return total


def _of_block(block: Array) -> Moments:
    mean = block.mean(axis=0)
    if np.isfinite(mean).all():
        count = np.full(block.shape[1:], float(len(block)))
        block -= mean
    else:
        present = ~np.isnan(block)
        count = present.sum(axis=0).astype(np.float64)
        mean = np.where(present, block, 0.0).sum(axis=0) / np.maximum(count, 1)
        block -= mean
        block[~present] = 0.0
    return Moments(count, mean, np.einsum("i...,i...->...", block, block))


_CONSTANT = 1e-12
"""Nats below this are rounding: the labels are constant."""


class _Sums:
    """What is added up over samples; `count` tells how many values are present."""

    count: Array

    def merged(self: Self, other: Self) -> Self:
        return type(self)(*(getattr(self, each) + getattr(other, each) for each in vars(self)))

    @property
    def absent(self) -> bool:
        return not self.count.any()


Self = TypeVar("Self", bound=_Sums)


@dataclass(frozen=True)
class ClassCounts(_Sums):
    """How often each class occurs."""

    count: Array  # (n_classes,), of the labels that are present

    @classmethod
    def of(cls, values: Array, n_classes: int) -> ClassCounts:
        count = np.zeros(n_classes, np.int64)
        for rows in row_slices(len(values), 8 * prod(values.shape[1:])):
            block = values[rows]
            count += np.bincount(block[block >= 0].ravel(), minlength=n_classes)
        return cls(count)

    @property
    def baseline_loss(self) -> float:
        """The entropy of the classes' frequencies in nats; 0 where there is one class or none."""
        share = self.count / max(1, self.count.sum())
        return _or_zero(float(-(share * _logs(share)).sum()))


@dataclass(frozen=True)
class LabelCounts(_Sums):
    """How often each of several labels is known, and how often it is 1."""

    count: Array  # (d,)
    ones: Array  # (d,)

    @classmethod
    def of(cls, values: Array) -> LabelCounts:
        return cls((values >= 0).sum(axis=0), (values > 0).sum(axis=0))

    @property
    def baseline_loss(self) -> float:
        """The mean of the labels' binary entropies in nats, each weighted by how often the label is known."""
        share = self.ones / np.maximum(self.count, 1)
        entropy = -(share * _logs(share) + (1 - share) * _logs(1 - share))
        return _or_zero(float((self.count * entropy).sum() / max(1, self.count.sum())))


@dataclass(frozen=True)
class DistributionSums(_Sums):
    """What is added up of distributions."""

    total: Array  # (..., d)
    count: Array  # (...), how many are present
    own: float  # the sum of p log p over all of them

    @classmethod
    def of(cls, values: Array) -> DistributionSums:
        """Add up distributions along the last axis, NaN where missing."""
        total, count, own = np.zeros(values.shape[1:]), np.zeros(values.shape[1:-1]), 0.0
        for rows in row_slices(len(values), 8 * prod(values.shape[1:])):
            block = values[rows].astype(np.float64)
            present = ~np.isnan(block).any(axis=-1)
            block[~present] = 0.0
            total += block.sum(axis=0)
            count += present.sum(axis=0)
            own += float((block * _logs(block)).sum())
        return cls(total, count, own)

    @property
    def baseline_loss(self) -> float:
        """The cross-entropy of the mean in nats, ``mean(-sum(p log(mean p)))``; 0 where all are equal.

        The mean of ``-sum p log m`` is ``-sum m log m``, because the mean of p is m. Divided by the divergence from
        the mean alone, which is tiny where all samples are alike, their loss would drown every other.
        """
        mean = self.total / np.maximum(self.count, 1)[..., np.newaxis]
        of_mean = float((self.count * (mean * _logs(mean)).sum(axis=-1)).sum())
        n = max(1.0, float(self.count.sum()))
        # Without divergence from the mean all are equal, and there is nothing to learn.
        return -of_mean / n if (self.own - of_mean) / n > _CONSTANT else 0.0


def _or_zero(chance: float) -> float:
    return chance if chance > _CONSTANT else 0.0


def _logs(p: Array) -> Array:
    """Return log(p), and 0 for p = 0, where p log p has the limit 0."""
    return np.log(np.where(p > 0, p, 1.0))


@dataclass(frozen=True)
class Numbers:
    """What numbers tell."""

    moments: Moments  # of every position; of a vector per step those of all steps together
    twins: Array | None  # for each column of a vector, the first with the same values; None for other kinds

    def merged(self, other: Numbers) -> Numbers:
        twins = self.twins if self.twins is None or other.twins is None else merge_twins(self.twins, other.twins)
        return Numbers(self.moments.merged(other.moments), twins)

    @property
    def absent(self) -> bool:
        return not self.moments.count.any()


Statistics = Numbers | ClassCounts | LabelCounts | DistributionSums


@dataclass(frozen=True)
class TargetStatistics:
    """What some samples tell of a target."""

    kind: Kind
    natural: tuple[int, ...]  # the shape of one sample's values as the task gives them
    shape: tuple[int, ...]  # the same with vectors flattened
    dtype: np.dtype[Any]
    statistics: Statistics

    def merged(self, other: TargetStatistics) -> TargetStatistics:
        """Return what both sets of samples tell together; the order matters to rounding alone."""
        per_step = self.kind.startswith("step")
        if self.kind != other.kind or self.shape[per_step:] != other.shape[per_step:]:
            raise InvalidInputError(
                f"a target has kind {self.kind} and shape {self.shape} in one part of the samples, and {other.kind} "
                f"and {other.shape} in another; it must not depend on the samples it is computed with."
            )
        longer = self if self.shape >= other.shape else other
        merged: Statistics = self.statistics.merged(other.statistics)  # type: ignore[arg-type] # of one kind
        return replace(longer, statistics=merged)


def see(task: Task, raw: RawTarget, *, scale: bool) -> TargetStatistics:
    return TargetStatistics(raw.kind, raw.natural, raw.array.shape[1:], raw.array.dtype, _statistics(task, raw, scale))


def _statistics(task: Task, raw: RawTarget, scale: bool) -> Statistics:
    if raw.kind == "multilabel":
        return LabelCounts.of(raw.array)
    if raw.kind == "distribution":
        return DistributionSums.of(raw.array)
    if raw.kind not in NUMERIC_KINDS:
        _check_classes(task, raw)
        return ClassCounts.of(raw.array, len(task.names))
    found = moments(raw.array, log1p=task.extractor.log1p and scale, name=raw.name)
    if raw.kind == "step_vector":
        # The best constant for a head that is alike at every step; what few long samples reach says little alone.
        found = found.pooled()
    return Numbers(found, first_twins(raw.array, found) if raw.kind == "vector" and scale else None)


def _check_classes(task: Task, raw: RawTarget) -> None:
    low, high = int(raw.array.min()), int(raw.array.max())
    if low < -1 or high >= len(task.names):
        raise InvalidInputError(
            f"target {task.name!r} holds classes from {low} to {high}; its task declares {len(task.names)} classes, "
            f"so 0 to {len(task.names) - 1} are expected, and -1 for missing."
        )


def first_twins(values: Array, found: Moments) -> Array:
    """Tell for each column which is the first with the same values in every row."""
    first = np.arange(values.shape[1])
    seen: dict[tuple[float, float, float], list[int]] = {}
    keys = zip(found.count.tolist(), found.mean.tolist(), found.squares.tolist(), strict=True)
    for column, key in enumerate(keys):
        # Copies have the very same statistics; few other columns do, so few are compared value by value.
        earlier = seen.setdefault(key, [])
        twin = next((other for other in earlier if _same(values, other, column)), None)
        if twin is None:
            earlier.append(column)
        else:
            first[column] = twin
    return first


def merge_twins(a: Array, b: Array) -> Array:
    """Tell for each column which is the first with the same values in both parts."""
    _, first, group = np.unique(np.stack([a, b]), axis=1, return_index=True, return_inverse=True)
    return np.asarray(first[group.ravel()])


def _same(values: Array, a: int, b: int) -> bool:
    chunks = row_slices(len(values), 2 * values.itemsize)
    return all(np.array_equal(values[rows, a], values[rows, b], equal_nan=True) for rows in chunks)
