"""Targets of arrays beyond one machine: statistics by tree reduction, targets lazily, with Dask."""

from __future__ import annotations

import os
from pathlib import Path

from auxtasks.generator import generator_of
from auxtasks.scale.dask_targets import LazyAuxTargets
from auxtasks.scale.zarr import AGAIN, DESCRIPTION, read_zarr
from auxtasks.storage import damage_named

__all__ = ["LazyAuxTargets", "open_zarr"]


def open_zarr(path: str | os.PathLike[str]) -> LazyAuxTargets:
    """Open what `LazyAuxTargets.to_zarr` wrote; arrays are read, and their checksums compared, when they are computed.

    Parameters
    ----------
    path : path-like
        The directory.

    Returns
    -------
    LazyAuxTargets
        As they were written, with a ``transform`` of the same scaling.

    Raises
    ------
    StorageError
        If the directory or an array is absent, is a link, lacks a chunk, or is not to the last bit what was written; of
        a chunk this is seen when it is computed.

    Examples
    --------
    >>> import tempfile, auxtasks, dask.array as da
    >>> from auxtasks.cluster import open_zarr
    >>> X = da.from_array([[1.0, 3.0], [2.0, 2.0]], chunks=(1, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     auxtasks.make_aux_targets(X, "signal", "std").to_zarr(f"{folder}/targets")
    ...     open_zarr(f"{folder}/targets")["std"].compute()
    array([[ 1.],
           [-1.]], dtype=float32)
    """
    fitted, made = read_zarr(Path(path))
    with damage_named(Path(path) / DESCRIPTION, AGAIN):
        generator = generator_of(fitted)
    return LazyAuxTargets(made.arrays, generator, made.inputs, made.n_original, made.lengths, made.main)
