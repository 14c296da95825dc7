"""Targets on disk: .npy files and a description, replaced in one step, and refused if a bit of them changed."""

from __future__ import annotations

import json
import os
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from auxtasks.checksums import Summed
from auxtasks.errors import StorageError, UnknownNameError
from auxtasks.files import NEW, open_regular
from auxtasks.folders import JOURNAL, Blocks, Saved, arrays_in, read_folder, save_folder
from auxtasks.targets.fitted import Fitted, TargetArrays
from auxtasks.targets.state import fitted_of, state_of
from auxtasks.typing import Array

DESCRIPTION = "auxtasks.json"
PARTIAL = ".partial"
"""What the name of a folder ends with while `make_aux_targets` writes to it."""
TEXTS = ".json"
"""What the name of a file of texts ends with."""
AGAIN = "Save the targets again"


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

    def read(saved: Saved) -> tuple[Fitted, TargetArrays]:
        if verify:
            saved.verify()
        return _read(saved, mmap=mmap)

    return read_folder(folder, DESCRIPTION, read, absent, again)


def _read(saved: Saved, *, mmap: bool) -> tuple[Fitted, TargetArrays]:
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
