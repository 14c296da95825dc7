"""Targets of arrays beyond one machine: statistics by tree reduction, targets lazily, with Dask."""

from auxtasks.scale.dask_targets import LazyAuxTargets
from auxtasks.scale.zarr import open_zarr

__all__ = ["LazyAuxTargets", "open_zarr"]
