"""Lazy targets on disk: a directory of Zarr arrays and a description, written last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.errors import InvalidInputError
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
        If the inputs are texts, or there are no samples.
    """
    # Here and not above: what is in memory does not need what is on a cluster, but for telling one from the other.
    from auxtasks.targets.storage import check_replaceable, written_as_a_whole

    require("zarr", extra="dask")
    check_replaceable(path, overwrite=overwrite, description=DESCRIPTION)
    if not targets.n_samples:
        raise InvalidInputError("`X` holds no samples: all of its partitions are empty, and there is nothing to write.")
    arrays = {f"target_{number:03d}": array for number, array in enumerate(targets.values())}
    if include_inputs:
        arrays["inputs"] = _numbers(targets.inputs)
    if targets.lengths is not None:
        arrays["lengths"] = targets.lengths
    with written_as_a_whole(path) as new:
        _store(arrays, new)
        _describe(targets, arrays, new)


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
