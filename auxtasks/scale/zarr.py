"""Lazy targets on disk: a directory of Zarr arrays and a description, written last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.errors import InvalidInputError, StorageError
from auxtasks.files import written_as_a_whole
from auxtasks.optional import require
from auxtasks.storage import check_replaceable, damage_named, read_description
from auxtasks.targets.fitted import Fitted, Made, plain

DESCRIPTION = "auxtasks_zarr.json"
FORMAT = 1


def write_zarr(fitted: Fitted, made: Made, path: Path, *, overwrite: bool) -> None:
    """Write lazy targets; see `LazyAuxTargets.to_zarr`."""
    require("zarr", extra="dask")
    check_replaceable(path, overwrite=overwrite, description=DESCRIPTION)
    if not len(next(iter(made.arrays.values()))):
        raise InvalidInputError("`X` holds no samples: all of its partitions are empty, and there is nothing to write.")
    files = {name: f"target_{number:03d}" for number, name in enumerate(made.arrays)}
    arrays: dict[str, Any] = {files[name]: array for name, array in made.arrays.items()}
    if made.inputs is not None:
        arrays["inputs"] = _numbers(made.inputs)
    if made.lengths is not None:
        arrays["lengths"] = made.lengths
    da, first = require("dask.array", extra="dask"), next(iter(arrays.values()))
    main = {output: f"main_{number:03d}" for number, output in enumerate(made.main or {})}
    for output, labels in (made.main or {}).items():
        arrays[main[output]] = da.from_array(labels, chunks=(first.chunks[0], *labels.shape[1:]))
    described = {
        "format": FORMAT,
        "auxtasks": __version__,
        "n_original": made.n_original,
        "generator": fitted.to_state(),
        "targets": files,
        **({"main": main} if main else {}),
        "arrays": {
            name: {"shape": tuple(map(int, array.shape)), "dtype": array.dtype.str} for name, array in arrays.items()
        },
    }
    with written_as_a_whole(path) as new:
        new.mkdir()
        _store(arrays, new)
        text = json.dumps(described, indent=1, default=plain, allow_nan=False)
        (new / DESCRIPTION).write_text(text, encoding="utf-8")


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


AGAIN = "Write the targets again"


def read_zarr(folder: Path) -> tuple[Fitted, Made]:
    """Read what `write_zarr` wrote, as dask arrays; see `auxtasks.cluster.open_zarr`."""
    path = folder / DESCRIPTION
    described = read_description(path, FORMAT, _absent, AGAIN)
    with damage_named(path, AGAIN):
        fitted = Fitted.from_state(described["generator"])
        n_original = int(described["n_original"])
        files: dict[str, Mapping[str, Any]] = dict(described["arrays"])
        names = {name: described["targets"][name] for name in fitted.specs}
        outputs: dict[str, str] = dict(described.get("main", {}))
        said = {file: (tuple(fields["shape"]), str(fields["dtype"])) for file, fields in files.items()}
        rows = {shape[0] for shape, _ in said.values()}
        fits = all(said[names[name]][0][1:] == spec.shape for name, spec in fitted.specs.items())
        fits &= said.keys() >= set(outputs.values())
        # Nothing is read that is not in this folder.
        fits &= all(Path(file).name == file for file in files)
    if len(rows) != 1 or not fits or not 0 < n_original <= next(iter(rows)):
        raise StorageError(f"{path} does not fit the arrays beside it. Write the targets again.")
    found = {file: _open(folder / file, *fields) for file, fields in said.items()}
    arrays = {name: found[file] for name, file in names.items()}
    main = {output: found[file].compute() for output, file in outputs.items()}
    return fitted, Made(arrays, found.get("inputs"), n_original, found.get("lengths"), main or None)


def _absent(path: Path) -> str:
    return f"there is no {path}; pass a directory that `LazyAuxTargets.to_zarr` wrote to its end."


def _open(path: Path, shape: tuple[int, ...], dtype: str) -> Any:
    da, zarr = require("dask.array", extra="dask"), require("zarr", extra="dask")
    if not path.is_dir():
        raise StorageError(f"{path} is missing. Write the targets again.")
    try:
        array = zarr.open_array(store=str(path), mode="r")
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} is damaged: {type(error).__name__}: {error}. Write the targets again.") from error
    if array.shape != shape or array.dtype.str != dtype:
        raise StorageError(
            f"{path} holds shape {array.shape} and dtype {array.dtype.str}; its description says {shape} and {dtype}. "
            "Write the targets again."
        )
    lost = array.nchunks - array.nchunks_initialized
    if lost:
        raise StorageError(f"{path} lacks {lost} of its {array.nchunks} chunks. Write the targets again.")
    return da.from_zarr(array)
