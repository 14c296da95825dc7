"""What some samples tell of a target: all that fitting needs, small, and merged in any order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from auxtasks.compute.raw import RawTarget
from auxtasks.compute.task import Task
from auxtasks.errors import InvalidInputError
from auxtasks.scaling.frequencies import ClassCounts, DistributionSums, LabelCounts
from auxtasks.scaling.moments import Moments, moments
from auxtasks.scaling.twins import first_twins, merge_twins
from auxtasks.specs import NUMERIC_KINDS, Kind
from auxtasks.typing import Array


@dataclass(frozen=True)
class Numbers:
    """What numbers tell.

    Parameters
    ----------
    moments : Moments
        The statistics of every position; of a vector per step those of all steps together.
    twins : ndarray of int or None
        For each column of a vector, the first with the same values; None for other kinds.
    """

    moments: Moments
    twins: Array | None

    def merged(self, other: Numbers) -> Numbers:
        """Return what both sets of numbers tell together."""
        twins = self.twins if self.twins is None or other.twins is None else merge_twins(self.twins, other.twins)
        return Numbers(self.moments.merged(other.moments), twins)

    @property
    def absent(self) -> bool:
        """Whether no value is present."""
        return not self.moments.count.any()


Statistics = Numbers | ClassCounts | LabelCounts | DistributionSums


@dataclass(frozen=True)
class Seen:
    """What some samples tell of a target.

    Parameters
    ----------
    kind : str
        The kind of the target.
    natural : tuple of int
        The shape of one sample's values as the task gives them.
    shape : tuple of int
        The same with vectors flattened.
    dtype : dtype
        Of the values.
    statistics : Numbers, ClassCounts, LabelCounts or DistributionSums
        By the kind.
    """

    kind: Kind
    natural: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    statistics: Statistics

    def merged(self, other: Seen) -> Seen:
        """Return what both sets of samples tell together; the order matters to rounding alone.

        Parameters
        ----------
        other : Seen
            What other samples tell of the same target; with other steps where series are of different lengths.

        Returns
        -------
        Seen
            Of both.

        Raises
        ------
        InvalidInputError
            If the parts do not have the same kind and shape.

        Examples
        --------
        >>> task = Task("a", "a", "vector")
        >>> parts = [RawTarget("a", "vector", (1,), np.array([[value]])) for value in (1.0, 3.0)]
        >>> one, other = (see(task, part, scale=True) for part in parts)
        >>> one.merged(other).statistics.moments.mean
        array([2.])
        """
        per_step = self.kind.startswith("step")
        if self.kind != other.kind or self.shape[per_step:] != other.shape[per_step:]:
            raise InvalidInputError(
                f"a target has kind {self.kind} and shape {self.shape} in one part of the samples, and {other.kind} "
                f"and {other.shape} in another; it must not depend on the samples it is computed with."
            )
        longer = self if self.shape >= other.shape else other
        merged: Statistics = self.statistics.merged(other.statistics)  # type: ignore[arg-type] # of one kind
        return replace(longer, statistics=merged)


def see(task: Task, raw: RawTarget, *, scale: bool) -> Seen:
    """Collect what the values of a target tell.

    Parameters
    ----------
    task : Task
        What was computed.
    raw : RawTarget
        Its values on some samples; read in slices of rows.
    scale : bool
        Whether numbers are to be scaled, for which a task may declare ``log1p``.

    Returns
    -------
    Seen
        Of the size of one sample's target, not of all of them.

    Raises
    ------
    InvalidInputError
        If classes lie outside those that the task declares, or a task with ``log1p`` gave negative values.

    Examples
    --------
    >>> raw = RawTarget("a", "class", (), np.array([0, 1, -1]))
    >>> see(Task("a", "a", "class", classes=("x", "y")), raw, scale=True).statistics.counts
    array([1, 1])
    """
    return Seen(raw.kind, raw.natural, raw.array.shape[1:], raw.array.dtype, _statistics(task, raw, scale))


def _statistics(task: Task, raw: RawTarget, scale: bool) -> Statistics:
    if raw.kind == "multilabel":
        return LabelCounts.of(raw.array)
    if raw.kind == "distribution":
        return DistributionSums.of(raw.array)
    if raw.kind not in NUMERIC_KINDS:
        _check_classes(task, raw)
        return ClassCounts.of(raw.array, len(task.classes))
    found = moments(raw.array, log1p=task.log1p and scale, name=raw.name)
    if raw.kind == "step_vector":
        # The best constant for a head that is alike at every step; what few long samples reach says little alone.
        found = found.pooled()
    return Numbers(found, first_twins(raw.array, found) if raw.kind == "vector" and scale else None)


def _check_classes(task: Task, raw: RawTarget) -> None:
    low, high = int(raw.array.min()), int(raw.array.max())
    if low < -1 or high >= len(task.classes):
        raise InvalidInputError(
            f"target {task.name!r} holds classes from {low} to {high}; its task declares {len(task.classes)} classes, "
            f"so 0 to {len(task.classes) - 1} are expected, and -1 for missing."
        )
