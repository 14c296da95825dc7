"""Targets of arrays beyond one machine: statistics by tree reduction, targets lazily, with Dask."""

from auxtasks.cluster.lazy import LazyAuxTargets
from auxtasks.cluster.reading import open_zarr

__all__ = ["LazyAuxTargets", "open_zarr"]
