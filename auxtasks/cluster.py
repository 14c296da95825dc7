"""Targets of arrays beyond one machine: statistics by tree reduction, targets lazily, with Dask."""

from auxtasks.scale.dask_targets import LazyAuxTargets

__all__ = ["LazyAuxTargets"]
