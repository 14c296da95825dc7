"""Lazy targets on disk: Zarr arrays and a description, replaced in one step; each chunk is checked when it is read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks import storage
from auxtasks.errors import InvalidInputError, StorageError
from auxtasks.folders import Blocks, Saved, check_blocks, one_block, read_folder, save_folder
from auxtasks.optional import require
from auxtasks.storage import absent, damage_named, whole_number
from auxtasks.targets.fitted import Fitted, TargetArrays
from auxtasks.targets.state import fitted_of, state_of
from auxtasks.typing import Array

DESCRIPTION = "auxtasks_zarr.json"


def write_zarr(fitted: Fitted, made: TargetArrays, path: Path, *, overwrite: bool) -> None:
    require("zarr", extra="dask")
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
    said = {name: {"shape": tuple(map(int, array.shape)), "dtype": array.dtype.str} for name, array in arrays.items()}

    def write(folder: Path) -> Mapping[str, Any]:
        _store(arrays, folder)
        return {
            "n_original": made.n_original,
            "generator": state_of(fitted),
            "targets": files,
            **({"main": main} if main else {}),
            "arrays": said,
            "files": _checksums(folder),
        }

    save_folder(path, DESCRIPTION, write, overwrite=overwrite)


def _checksums(folder: Path) -> dict[str, Blocks]:
    """Read all files back, in parallel."""
    dask = require("dask", extra="dask")
    paths = sorted(found for found in folder.rglob("*") if found.is_file())
    found = dask.compute(*[dask.delayed(one_block)(path) for path in paths])
    return {path.relative_to(folder).as_posix(): each for path, each in zip(paths, found, strict=True)}


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


def holds_zarr(folder: Path) -> bool:
    return os.path.lexists(folder / DESCRIPTION) and not os.path.lexists(folder / storage.DESCRIPTION)


def read_zarr(folder: Path, *, verify: bool = True) -> tuple[Fitted, TargetArrays]:
    """Read what `write_zarr` wrote, as dask arrays; see `auxtasks.load_targets`."""
    return read_folder(folder, DESCRIPTION, partial(_read, verify=verify), absent, AGAIN)


def _read(saved: Saved, *, verify: bool) -> tuple[Fitted, TargetArrays]:
    described = saved.fields
    with damage_named(saved.path, AGAIN):
        fitted = fitted_of(described["generator"])
        n_original = whole_number(described["n_original"])
        files: dict[str, Mapping[str, Any]] = dict(described["arrays"])
        names = {name: described["targets"][name] for name in fitted.specs}
        outputs: dict[str, str] = dict(described.get("main", {}))
        said = {file: (tuple(fields["shape"]), str(fields["dtype"])) for file, fields in files.items()}
        rows = {shape[0] for shape, _ in said.values()}
        fits = all(said[names[name]][0][1:] == spec.shape for name, spec in fitted.specs.items())
        fits &= said.keys() >= set(outputs.values())
    if len(rows) != 1 or not fits or not 0 < n_original <= next(iter(rows)):
        raise StorageError(f"{saved.path} does not fit the arrays beside it. {AGAIN}.")
    found = {file: _open(saved, file, *fields, verify=verify) for file, fields in said.items()}
    arrays = {name: found[file] for name, file in names.items()}
    main = {output: found[file].compute() for output, file in outputs.items()}
    return fitted, TargetArrays(arrays, found.get("inputs"), n_original, found.get("lengths"), main or None)


def _open(saved: Saved, name: str, shape: tuple[int, ...], dtype: str, *, verify: bool) -> Any:
    da, zarr = require("dask.array", extra="dask"), require("zarr", extra="dask")
    path = saved.file(name)
    if not path.is_dir():
        raise StorageError(f"{path} is missing. {AGAIN}.")
    for found in (path, *path.rglob("*")):
        if found.is_symlink():
            raise StorageError(f"{found} is a link. auxtasks does not follow links; replace it with the file itself.")
    blocks = {
        file.removeprefix(f"{name}/"): each for file, each in (saved.files or {}).items() if file.startswith(f"{name}/")
    }
    for file in blocks.keys() & _DESCRIPTIONS if verify else ():
        check_blocks(path / file, blocks[file], AGAIN)
    try:
        array = zarr.open_array(store=str(path), mode="r")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise StorageError(f"{path} is damaged: {type(error).__name__}: {error}. {AGAIN}.") from error
    if array.shape != shape or array.dtype.str != dtype:
        raise StorageError(
            f"{path} holds shape {array.shape} and dtype {array.dtype.str}; its description says {shape} and {dtype}. "
            f"{AGAIN}."
        )
    lost = array.nchunks - array.nchunks_initialized
    if lost:
        raise StorageError(f"{path} lacks {lost} of its {array.nchunks} chunks. {AGAIN}.")
    if saved.files is None:
        return da.from_zarr(array)
    return da.from_array(_Checked(array, path, blocks, verify), chunks=array.chunks, fancy=False)


_DESCRIPTIONS = {"zarr.json", ".zarray", ".zattrs"}


@dataclass(frozen=True)
class _Checked:
    """An array of Zarr whose chunks must be there, with the same checksums if asked, whenever they are read."""

    array: Any
    path: Path
    blocks: Mapping[str, Blocks]
    verify: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        found: np.dtype[Any] = self.array.dtype
        return found

    def __getitem__(self, index: tuple[Any, ...]) -> Array:
        rows = range(self.shape[0])[index[0]]
        rows = [rows] if isinstance(rows, int) else [rows[0], rows[-1]] if rows else []
        chunks = [row // self.array.chunks[0] for row in rows]
        for chunk in range(min(chunks, default=0), max(chunks, default=-1) + 1):
            numbers = [str(chunk), *["0"] * (self.ndim - 1)]
            name = ".".join(numbers) if ".zarray" in self.blocks else "/".join(["c", *numbers])
            if name not in self.blocks:
                raise StorageError(f"{self.path / name} has no checksum in the description. {AGAIN}.")
            if not self.path.parent.exists():
                raise StorageError(
                    f"{self.path.parent} is gone: other targets replaced it after it was opened; open them again."
                )
            if self.verify:
                check_blocks(self.path / name, self.blocks[name], AGAIN)
            elif not (self.path / name).is_file():  # Zarr would read it as missing values
                raise StorageError(f"{self.path / name} is missing. {AGAIN}.")
        found: Array = self.array[index]
        return found
