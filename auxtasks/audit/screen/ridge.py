"""How much of some columns a linear map of other columns explains, on samples it was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auxtasks.typing import Array, Floats

PENALTIES = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 100.0)
"""Tried penalties, in units of the largest eigenvalue; with the last the map is almost a constant."""

_ROUNDING = 1e-12


def deal(n: int, folds: int, seed: int, strata: Array | None = None) -> Array:
    """Deal samples into folds at random.

    Parameters
    ----------
    n, folds : int
        How many samples and folds.
    seed : int
        Of the order.
    strata : ndarray of int, shape (n,), optional
        Classes to be spread evenly over the folds.

    Returns
    -------
    ndarray of int, shape (n,)
        The fold of each sample; all folds are of one size, give or take one sample.

    Examples
    --------
    >>> np.bincount(deal(7, 3, seed=0)).tolist()
    [3, 2, 2]
    """
    order = np.random.default_rng(seed).permutation(n)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    dealt = np.empty(n, np.int64)
    dealt[order] = np.arange(n) % folds
    return dealt


def shares_explained(source: Floats, targets: Sequence[Floats], folds: Array) -> list[float]:
    """Cross-validate ridge regressions of several targets on the same columns.

    Parameters
    ----------
    source : ndarray of float, shape (n, columns)
        What is predicted from.
    targets : sequence of ndarray of float, shape (n, columns of a target)
        What is predicted.
    folds : ndarray of int, shape (n,)
        The fold in which each sample is held out.

    Returns
    -------
    list of float
        For each target the share of its variance, all columns taken together, that is explained in the held-out
        samples: 1 for a linear function, about 0 for noise. NaN for a target that does not vary.

    Notes
    -----
    ``1 - Σ‖y - ŷ‖² / Σ‖y - ȳ‖²`` over the held-out samples, ȳ being the mean of the others (Hoerl and Kennard 1970,
    Technometrics 12(1):55-67). For each target the best of a few penalties counts, which makes shares too large by
    about as much as one parameter can.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(60, 3))
    >>> [round(share, 3) for share in shares_explained(x, [2 * x[:, :1] - x[:, 1:2], x**2], deal(60, 5, 0))][0]
    1.0
    """
    widths = [target.shape[1] for target in targets]
    owners = np.repeat(np.arange(len(targets)), widths)
    together = np.concatenate([np.zeros((len(source), 0)), *targets], axis=1)
    residual, total = np.zeros((len(PENALTIES), len(targets))), np.zeros(len(targets))
    for fold in np.unique(folds):
        held_out = folds == fold
        squares, variance = _residuals(source[~held_out], together[~held_out], source[held_out], together[held_out])
        total += np.bincount(owners, variance, len(targets))
        residual += np.stack([np.bincount(owners, row, len(targets)) for row in squares])
    # Columns come with a standard deviation of about 1: what is far below it is rounding.
    varied = total > _ROUNDING * len(source)
    shares = 1 - residual.min(axis=0) / np.where(varied, total, 1.0)
    return [float(share) if differs else float("nan") for share, differs in zip(shares, varied, strict=True)]


def _residuals(X: Floats, Y: Floats, X_test: Floats, Y_test: Floats) -> tuple[Floats, Floats]:
    """Return the squared residuals of each column for each penalty, and its squared deviations."""
    x_mean, y_mean = X.mean(axis=0), Y.mean(axis=0)
    X, Y, X_test, Y_test = X - x_mean, Y - y_mean, X_test - x_mean, Y_test - y_mean
    deviations = np.square(Y_test).sum(axis=0)
    values, vectors = np.linalg.eigh(X.T @ X)
    if not len(values) or values[-1] <= 0:
        return np.broadcast_to(deviations, (len(PENALTIES), len(deviations))), deviations
    values = np.maximum(values, 0)
    # In the basis of the eigenvectors a penalty is but a factor of each coefficient.
    products, rotated = vectors.T @ (X.T @ Y), X_test @ vectors
    squares = [
        np.square(Y_test - rotated @ (products / (values + penalty * values[-1])[:, None])).sum(axis=0)
        for penalty in PENALTIES
    ]
    return np.stack(squares), deviations
