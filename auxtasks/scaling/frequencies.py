"""How often each label occurs, part by part, and the loss of guessing by that alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from auxtasks.inputs.chunks import row_slices
from auxtasks.typing import Array

_CONSTANT = 1e-12
"""Nats below this are rounding: the labels are constant."""


@dataclass(frozen=True)
class ClassCounts:
    """How often each class occurs.

    Parameters
    ----------
    counts : ndarray of int64, shape (n_classes,)
        Of the labels that are present.
    """

    counts: Array

    @classmethod
    def of(cls, values: Array, n_classes: int) -> ClassCounts:
        """Count classes, -1 where missing.

        Examples
        --------
        >>> ClassCounts.of(np.array([0, 1, 1, -1]), 2).counts
        array([1, 2])
        """
        counts = np.zeros(n_classes, np.int64)
        for rows in row_slices(len(values), 8 * prod(values.shape[1:])):
            block = values[rows]
            counts += np.bincount(block[block >= 0].ravel(), minlength=n_classes)
        return cls(counts)

    def merged(self, other: ClassCounts) -> ClassCounts:
        """Return the counts of both sets of labels together."""
        return ClassCounts(self.counts + other.counts)

    @property
    def absent(self) -> bool:
        """Whether no label is present."""
        return not self.counts.any()

    @property
    def chance(self) -> float:
        """The entropy of the classes' frequencies in nats; 0 where there is one class or none.

        Examples
        --------
        >>> round(ClassCounts(np.array([1, 1])).chance, 4)
        0.6931
        """
        share = self.counts / max(1, self.counts.sum())
        return _or_zero(float(-(share * _logs(share)).sum()))


@dataclass(frozen=True)
class LabelCounts:
    """How often each of several labels is known, and how often it is 1.

    Parameters
    ----------
    known, ones : ndarray of int64, shape (d,)
        By label.
    """

    known: Array
    ones: Array

    @classmethod
    def of(cls, values: Array) -> LabelCounts:
        """Count labels, -1 where missing."""
        return cls((values >= 0).sum(axis=0), (values > 0).sum(axis=0))

    def merged(self, other: LabelCounts) -> LabelCounts:
        """Return the counts of both sets of labels together."""
        return LabelCounts(self.known + other.known, self.ones + other.ones)

    @property
    def absent(self) -> bool:
        """Whether no label is present."""
        return not self.known.any()

    @property
    def chance(self) -> float:
        """The mean of the labels' binary entropies in nats, each weighted by how often the label is known."""
        share = self.ones / np.maximum(self.known, 1)
        entropy = -(share * _logs(share) + (1 - share) * _logs(1 - share))
        return _or_zero(float((self.known * entropy).sum() / max(1, self.known.sum())))


@dataclass(frozen=True)
class DistributionSums:
    """What is added up of distributions.

    Parameters
    ----------
    total : ndarray of float64, shape (..., d)
        Their sum.
    count : ndarray of float64, shape (...)
        How many are present.
    own : float
        The sum of ``p log p`` over all of them.
    """

    total: Array
    count: Array
    own: float

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

    def merged(self, other: DistributionSums) -> DistributionSums:
        """Return the sums over both sets of distributions together."""
        return DistributionSums(self.total + other.total, self.count + other.count, self.own + other.own)

    @property
    def absent(self) -> bool:
        """Whether no distribution is present."""
        return not self.count.any()

    @property
    def chance(self) -> float:
        """The cross-entropy of the mean in nats, ``mean(-sum(p log(mean p)))``; 0 where all are equal.

        Notes
        -----
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
