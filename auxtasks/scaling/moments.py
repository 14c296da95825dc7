"""Means and variances in one pass over a target, in float64, leaving out what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.inputs.chunks import row_slices
from auxtasks.typing import Array


@dataclass(frozen=True)
class Moments:
    """Statistics over some values.

    Parameters
    ----------
    count : ndarray of float64
        How many values are present.
    mean : ndarray of float64
        Their mean; 0 where there are none.
    squares : ndarray of float64
        The sum of their squared deviations from the mean.
    """

    count: Array
    mean: Array
    squares: Array

    @property
    def std(self) -> Array:
        """The population standard deviation; 0 where no value is present."""
        result: Array = np.sqrt(self.squares / np.maximum(self.count, 1))
        return result

    def merged(self, other: Moments) -> Moments:
        """Return the statistics of both sets of values together.

        Notes
        -----
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
        """Return the statistics over all axes but the last."""
        axes = tuple(range(self.count.ndim - 1))
        count = self.count.sum(axis=axes)
        mean = (self.count * self.mean).sum(axis=axes) / np.maximum(count, 1)
        between = self.count * (self.mean - mean) ** 2
        return Moments(count, mean, (self.squares + between).sum(axis=axes))


def moments(values: Array, *, log1p: bool, name: str) -> Moments:
    """Compute the statistics of every position of a target over its samples.

    Parameters
    ----------
    values : ndarray of float, shape (n, ...)
        The target, NaN where missing.
    log1p : bool
        Whether to take ``log1p`` first.
    name : str
        The name of the target, for the error.

    Returns
    -------
    Moments
        Of shape (...).

    Raises
    ------
    InvalidInputError
        If `log1p` is asked of negative values, or the variance overflows.

    Examples
    --------
    >>> moments(np.array([[1.0], [3.0], [np.nan]]), log1p=False, name="a").mean
    array([2.])
    """
    total = Moments(*(np.zeros(values.shape[1:]) for _ in range(3)))
    for rows in row_slices(len(values), 8 * prod(values.shape[1:])):
        block = values[rows].astype(np.float64)
        if log1p:
            if (block < 0).any():
                raise InvalidInputError(
                    f"target {name!r} holds negative values, which its task says cannot be (it is declared with "
                    "log1p=True); correct the declaration of the task."
                )
            np.log1p(block, out=block)
        with np.errstate(over="ignore", invalid="ignore"):
            total = total.merged(_of_block(block))
    if not np.isfinite(total.squares).all():
        raise InvalidInputError(
            f"target {name!r} holds values too large for their variance to be a number; rescale the inputs."
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
