"""Lazy targets on disk: a directory of Zarr arrays and a description, written last."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.errors import InvalidInputError, StorageError
from auxtasks.optional import require

if TYPE_CHECKING:
    from auxtasks.cluster.lazy import LazyAuxTargets

DESCRIPTION = "auxtasks_zarr.json"
FORMAT = 1


def write_zarr(targets: LazyAuxTargets, path: Path, *, include_inputs: bool, overwrite: bool) -> None:
    """Write lazy targets; see `LazyAuxTargets.to_zarr`.

    Parameters
    ----------
    targets : LazyAuxTargets
        The targets, with known numbers of samples.
    path : Path
        The directory to be made.
    include_inputs : bool
        Whether to write the inputs too.
    overwrite : bool
        Whether to replace targets written there before.

    Raises
    ------
    StorageError
        If something is there that may not be replaced.
    InvalidInputError
        If the inputs are texts.
    """
    require("zarr", extra="dask")
    if os.path.lexists(path):
        if not overwrite:
            raise StorageError(f"`path`: {path} exists; choose another, or pass overwrite=True to replace it.")
        if not (path / DESCRIPTION).is_file():
            raise StorageError(f"`path`: {path} was not written by to_zarr and is not replaced; choose another path.")
    arrays = {f"target_{number:03d}": array for number, array in enumerate(targets.values())}
    if include_inputs:
        arrays["inputs"] = _numbers(targets.inputs)
    if targets.lengths is not None:
        arrays["lengths"] = targets.lengths
    path.parent.mkdir(parents=True, exist_ok=True)
    # Next to its place, so that moving it there is one step on the same file system.
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        new, old = scratch / "new", scratch / "old"
        new.mkdir()
        _store(arrays, new)
        _describe(targets, arrays, new)
        if path.exists():
            path.replace(old)
        try:
            new.replace(path)
        except OSError:
            if old.exists():
                old.replace(path)
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _numbers(inputs: Any) -> Any:
    if inputs.dtype == object:
        raise InvalidInputError(
            "`include_inputs`: these inputs are texts, which are not written; pass include_inputs=False and keep the "
            "texts where they are."
        )
    return inputs


def _store(arrays: dict[str, Any], folder: Path) -> None:
    """Write all arrays in one computation, in which each partition is computed once."""
    da, zarr = require("dask.array", extra="dask"), require("zarr", extra="dask")
    # Chunks of missing values are written too, and can be counted; before version 3 of Zarr they were in any case.
    everything: dict[str, Any] = {} if zarr.__version__.startswith("2.") else {"config": {"write_empty_chunks": True}}
    sources, places = [], []
    for name, array in arrays.items():
        # Chunks of one length, the longest there is: then no two workers write the same chunk.
        rows = max(1, *array.chunks[0])
        aligned = array.rechunk((rows, *array.shape[1:]))
        sources.append(aligned)
        places.append(
            zarr.open_array(
                store=str(folder / name),
                mode="w",
                shape=aligned.shape,
                chunks=(rows, *array.shape[1:]),
                dtype=aligned.dtype,
                # What a lost file would be read as.
                fill_value=np.nan if aligned.dtype.kind == "f" else -1 if aligned.dtype.kind == "i" else 0,
                **everything,
            )
        )
    da.store(sources, places, lock=False)


def _describe(targets: LazyAuxTargets, arrays: dict[str, Any], folder: Path) -> None:
    from auxtasks.targets.state import plain, to_state

    described = {
        "format": FORMAT,
        "auxtasks": __version__,
        "n_original": targets.n_original,
        "generator": to_state(targets.generator),
        "targets": dict(zip(targets, arrays, strict=False)),
        "arrays": {
            name: {"shape": tuple(map(int, array.shape)), "dtype": array.dtype.str} for name, array in arrays.items()
        },
    }
    text = json.dumps(described, indent=1, default=plain, allow_nan=False)
    (folder / DESCRIPTION).write_text(text, encoding="utf-8")
