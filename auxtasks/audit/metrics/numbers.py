"""Metrics of predicted numbers; with several outputs each is the mean of those of the outputs."""

from __future__ import annotations

from auxtasks.audit.metrics.evidence import Evidence
from auxtasks.optional import require


def mae(found: Evidence) -> float:
    """Mean absolute error."""
    return float(require("sklearn.metrics", extra="sklearn").mean_absolute_error(found.truth, found.predicted))


def rmse(found: Evidence) -> float:
    """Root of the mean squared error, of each output by itself."""
    return float(require("sklearn.metrics", extra="sklearn").root_mean_squared_error(found.truth, found.predicted))


def r2(found: Evidence) -> float:
    """Share of the variance that is predicted; NaN where an output is constant or there is but one sample."""
    if len(found.truth) < 2 or (found.truth == found.truth[0]).all(axis=0).any():
        return float("nan")
    return float(require("sklearn.metrics", extra="sklearn").r2_score(found.truth, found.predicted))
