"""Targets on disk: arrays and a description, replaced in one step, and refused if a bit of them changed.

Arrays in memory are in .npy files, lazy ones of Dask in Zarr arrays, each chunk of which is checked when it is read.
"""

from __future__ import annotations

import json
import os
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from auxtasks.checksums import Summed
from auxtasks.errors import InvalidInputError, StorageError, UnknownNameError
from auxtasks.files import NEW, open_regular
from auxtasks.folders import JOURNAL, Blocks, Saved, arrays_in, check_blocks, one_block, read_folder, save_folder
from auxtasks.optional import require
from auxtasks.targets.fitted import Fitted, TargetArrays
from auxtasks.targets.state import fitted_of, state_of
from auxtasks.typing import Array

DESCRIPTION = "auxtasks.json"
PARTIAL = ".partial"
"""What the name of a folder ends with while `make_aux_targets` writes to it."""
TEXTS = ".json"
"""What the name of a file of texts ends with."""
AGAIN = "Save the targets again"
ZARR_DESCRIPTION = "auxtasks_zarr.json"
ZARR_AGAIN = "Write the targets again"


def save_targets(fitted: Fitted, made: TargetArrays, path: Path, *, overwrite: bool) -> None:
    def write(folder: Path) -> Mapping[str, Any]:
        files = _Files(folder)
        arrays = {
            name: files.write(f"target_{i:03d}.npy", array) for i, (name, array) in enumerate(made.arrays.items())
        }
        inputs = None if made.inputs is None else files.write_inputs(made.inputs)
        lengths = None if made.lengths is None else files.write("lengths.npy", made.lengths)
        main = [
            {"output": output, **files.write(f"main_{i:03d}.npy", array)}
            for i, (output, array) in enumerate((made.main or {}).items())
        ]
        return described(state_of(fitted), made.n_original, arrays, inputs, lengths, main, files.checksums)

    save_folder(path, DESCRIPTION, write, overwrite=overwrite)


def described(
    state: Mapping[str, Any],
    n_original: int,
    arrays: Mapping[str, Any],
    inputs: Mapping[str, Any] | None,
    lengths: Mapping[str, Any] | None,
    main: Sequence[Mapping[str, Any]],
    files: Mapping[str, Blocks],
) -> dict[str, Any]:
    return {
        "n_original": n_original,
        "generator": state,
        "targets": arrays,
        "inputs": inputs,
        "lengths": lengths,
        **({"main": main} if main else {}),
        "files": files,
    }


@dataclass(frozen=True)
class _Files:
    """The files of a folder that are written, with their checksums."""

    folder: Path
    checksums: dict[str, Blocks] = field(default_factory=dict)

    def write(self, name: str, array: Array) -> dict[str, Any]:
        with self._summed(name) as file:
            np.save(file, array, allow_pickle=False)
        return {"file": name, "shape": array.shape, "dtype": array.dtype.str}

    def write_inputs(self, inputs: Array | Mapping[str, Array]) -> dict[str, Any]:
        if isinstance(inputs, Mapping):
            named = enumerate(inputs.items())
            return {
                "columns": [{"name": name, **self._write(f"inputs_{i:03d}", column)} for i, (name, column) in named]
            }
        return self._write("inputs", inputs)

    def _write(self, name: str, inputs: Array) -> dict[str, Any]:
        """Write an array; of texts one of objects could only be pickled."""
        if inputs.dtype != object:
            return self.write(f"{name}.npy", inputs)
        with self._summed(f"{name}{TEXTS}") as file:
            file.write(json.dumps(inputs.tolist()).encode())
        return {"file": f"{name}{TEXTS}", "shape": inputs.shape, "dtype": inputs.dtype.str}

    @contextmanager
    def _summed(self, name: str) -> Iterator[Any]:
        with (self.folder / name).open("xb") as file:
            summed = Summed(file)
            yield summed
        self.checksums[name] = [(summed.size, summed.checksum)]


def read_targets(
    folder: Path, *, mmap: bool = True, verify: bool = True, again: str = AGAIN
) -> tuple[Fitted, TargetArrays]:
    return read_folder(folder, DESCRIPTION, partial(_read, mmap=mmap, verify=verify), absent, again)


def _read(saved: Saved, *, mmap: bool, verify: bool) -> tuple[Fitted, TargetArrays]:
    if verify:
        saved.verify()
    described = saved.fields
    with damage_named(saved.path):
        fitted = fitted_of(described["generator"])
        n_original = whole_number(described["n_original"])
        files: dict[str, Mapping[str, Any]] = dict(described["targets"])
        arrays = {name: _read_array(saved, files[name], mmap) for name in fitted.specs}
        inputs = None if described["inputs"] is None else _read_inputs(saved, described["inputs"], mmap)
        steps = None if described.get("lengths") is None else _read_array(saved, described["lengths"], mmap)
        main = {str(each["output"]): _read_array(saved, each, mmap) for each in described.get("main", ())}
        lengths = {
            len(array) for array in (*arrays.values(), *_each(inputs), steps, *main.values()) if array is not None
        }
        fits = all(arrays[name].shape[1:] == spec.shape for name, spec in fitted.specs.items())
    if len(lengths) != 1 or not fits or not 0 < n_original <= lengths.pop():
        raise StorageError(f"{saved.path} does not fit the arrays beside it. {AGAIN}.")
    return fitted, TargetArrays(arrays, inputs, n_original, steps, main or None)


def whole_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"`n_original` must be a whole number; found {value!r}")
    return value


@contextmanager
def damage_named(path: Path, way_out: str = AGAIN) -> Iterator[None]:
    """Say of errors while a description is read what they mean."""
    try:
        yield
    except UnknownNameError as error:
        raise StorageError(
            f"{path} needs something that is not registered here: {error} Import the module that registers it first."
        ) from error
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise StorageError(f"{path} is damaged: {type(error).__name__}: {error}. {way_out}.") from error


def absent(path: Path) -> str:
    """Say what may be there in place of targets."""
    folder = path.parent
    for unfinished in (folder, folder.parent / f"{folder.name}{PARTIAL}"):
        if journals_in(unfinished):
            return (
                f"the targets in {unfinished} are unfinished; make the same call of `make_aux_targets` again, which "
                "goes on where it stopped."
            )
    return f"there is no {path}; pass a directory that `AuxTargets.save` or `LazyAuxTargets.to_zarr` wrote completely."


def journals_in(unfinished: Path) -> list[Path]:
    return [arrays / JOURNAL for arrays in arrays_in(unfinished / NEW) if (arrays / JOURNAL).exists()]


# What NumPy raises, also by way of Python's own parser, where the header of a file is none.
_NO_HEADER = (ValueError, EOFError, TypeError, SyntaxError, tokenize.TokenError, OverflowError, RecursionError)


def _read_inputs(saved: Saved, described: Mapping[str, Any], mmap: bool) -> Any:
    if "columns" in described:
        return {str(each["name"]): _read_array(saved, each, mmap) for each in described["columns"]}
    return _read_array(saved, described, mmap)


def _each(inputs: Any) -> list[Any]:
    return list(inputs.values()) if isinstance(inputs, Mapping) else [inputs]


def _read_array(saved: Saved, described: Mapping[str, Any], mmap: bool) -> Array:
    path = saved.file(described["file"])
    shape, dtype = tuple(described["shape"]), described["dtype"]
    try:
        with open_regular(path) as file:
            is_text = path.name.endswith(TEXTS)
            if is_text:
                array = _read_texts(file.read())
                found = array.shape, array.dtype, False
            else:
                found = _read_header(file)
            if (found[0], found[1].str) != (shape, dtype):
                raise StorageError(
                    f"{path} holds shape {found[0]} and dtype {found[1].str}; its description says {shape} and "
                    f"{dtype}. {AGAIN}."
                )
            return array if is_text else _read_values(path, file, *found, mmap=mmap)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StorageError(f"{path} is missing. {AGAIN}.") from error
    except _NO_HEADER as error:
        raise StorageError(f"{path} is damaged: {type(error).__name__}: {error}. {AGAIN}.") from error


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Return the shape and dtype that a .npy file says it has, and whether its first axis varies fastest."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(file)
    if version not in readers:
        raise ValueError(f"it is of version {version} of the .npy format")
    shape, fortran, dtype = readers[version](file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    return shape, dtype, fortran


def _read_values(
    path: Path, file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any], fortran: bool, *, mmap: bool
) -> Array:
    offset, size = file.tell(), os.fstat(file.fileno()).st_size
    if size != offset + prod(shape) * dtype.itemsize:
        raise ValueError(f"it has {size:,} bytes, which is not what shape {shape} and dtype {dtype.str} take")
    order: Literal["C", "F"] = "F" if fortran else "C"
    if mmap:
        mapped: Array = np.memmap(path, dtype, "r", offset, shape, order)
        return mapped
    read: Array = np.fromfile(file, dtype, prod(shape)).reshape(shape, order=order)
    return read


def _read_texts(content: bytes) -> Array:
    texts = json.loads(content)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("it is no list of texts")
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


# Lazy targets


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
        _store_zarr(arrays, folder)
        return {
            "n_original": made.n_original,
            "generator": state_of(fitted),
            "targets": files,
            **({"main": main} if main else {}),
            "arrays": said,
            "files": _checksums_below(folder),
        }

    save_folder(path, ZARR_DESCRIPTION, write, overwrite=overwrite)


def _checksums_below(folder: Path) -> dict[str, Blocks]:
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


def _store_zarr(arrays: dict[str, Any], folder: Path) -> None:
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


def holds_zarr(folder: Path) -> bool:
    return os.path.lexists(folder / ZARR_DESCRIPTION) and not os.path.lexists(folder / DESCRIPTION)


def read_zarr(folder: Path, *, verify: bool = True) -> tuple[Fitted, TargetArrays]:
    return read_folder(folder, ZARR_DESCRIPTION, partial(_read_zarr, verify=verify), absent, ZARR_AGAIN)


def _read_zarr(saved: Saved, *, verify: bool) -> tuple[Fitted, TargetArrays]:
    described = saved.fields
    with damage_named(saved.path, ZARR_AGAIN):
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
        raise StorageError(f"{saved.path} does not fit the arrays beside it. {ZARR_AGAIN}.")
    found = {file: _open_zarr(saved, file, *fields, verify=verify) for file, fields in said.items()}
    arrays = {name: found[file] for name, file in names.items()}
    main = {output: found[file].compute() for output, file in outputs.items()}
    return fitted, TargetArrays(arrays, found.get("inputs"), n_original, found.get("lengths"), main or None)


def _open_zarr(saved: Saved, name: str, shape: tuple[int, ...], dtype: str, *, verify: bool) -> Any:
    da, zarr = require("dask.array", extra="dask"), require("zarr", extra="dask")
    path = saved.file(name)
    if not path.is_dir():
        raise StorageError(f"{path} is missing. {ZARR_AGAIN}.")
    for found in (path, *path.rglob("*")):
        if found.is_symlink():
            raise StorageError(f"{found} is a link. auxtasks does not follow links; replace it with the file itself.")
    blocks = {
        file.removeprefix(f"{name}/"): each for file, each in (saved.files or {}).items() if file.startswith(f"{name}/")
    }
    for file in blocks.keys() & _ZARR_HEADS if verify else ():
        check_blocks(path / file, blocks[file], ZARR_AGAIN)
    try:
        array = zarr.open_array(store=str(path), mode="r")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise StorageError(f"{path} is damaged: {type(error).__name__}: {error}. {ZARR_AGAIN}.") from error
    if array.shape != shape or array.dtype.str != dtype:
        raise StorageError(
            f"{path} holds shape {array.shape} and dtype {array.dtype.str}; its description says {shape} and {dtype}. "
            f"{ZARR_AGAIN}."
        )
    lost = array.nchunks - array.nchunks_initialized
    if lost:
        raise StorageError(f"{path} lacks {lost} of its {array.nchunks} chunks. {ZARR_AGAIN}.")
    if saved.files is None:
        return da.from_zarr(array)
    return da.from_array(_CheckedZarr(array, path, blocks, verify), chunks=array.chunks, fancy=False)


_ZARR_HEADS = {"zarr.json", ".zarray", ".zattrs"}


@dataclass(frozen=True)
class _CheckedZarr:
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
                raise StorageError(f"{self.path / name} has no checksum in the description. {ZARR_AGAIN}.")
            if not self.path.parent.exists():
                raise StorageError(
                    f"{self.path.parent} is gone: other targets replaced it after it was opened; open them again."
                )
            if self.verify:
                check_blocks(self.path / name, self.blocks[name], ZARR_AGAIN)
            elif not (self.path / name).is_file():  # Zarr would read it as missing values
                raise StorageError(f"{self.path / name} is missing. {ZARR_AGAIN}.")
        found: Array = self.array[index]
        return found
