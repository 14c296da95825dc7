"""Targets on disk: a directory of .npy files and a description, written as a whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.errors import StorageError, UnknownNameError
from auxtasks.files import written_as_a_whole
from auxtasks.targets.fitted import Fitted, Made, plain
from auxtasks.typing import Array

DESCRIPTION = "auxtasks.json"
PARTIAL = ".partial"
"""What the name of a folder ends with while `make_aux_targets` writes to it."""
JOURNAL = "journal.jsonl"
"""What it has finished."""
FORMAT = 1
TEXTS = "inputs.json"


def save_targets(fitted: Fitted, made: Made, path: Path, *, overwrite: bool) -> None:
    """Save targets, and the inputs if they are there; see `auxtasks.AuxTargets.save`."""
    check_replaceable(path, overwrite=overwrite)
    with written_as_a_whole(path) as new:
        new.mkdir()
        arrays = {
            name: _write_array(new, f"target_{i:03d}.npy", array) for i, (name, array) in enumerate(made.arrays.items())
        }
        inputs = None if made.inputs is None else _write_inputs(new, made.inputs)
        lengths = None if made.lengths is None else _write_array(new, "lengths.npy", made.lengths)
        main = [
            {"output": output, **_write_array(new, f"main_{i:03d}.npy", array)}
            for i, (output, array) in enumerate((made.main or {}).items())
        ]
        text = described(fitted.to_state(), made.n_original, arrays, inputs, lengths, main)
        (new / DESCRIPTION).write_text(text, encoding="utf-8")


def check_replaceable(path: Path, *, overwrite: bool, argument: str = "path", description: str = DESCRIPTION) -> None:
    """Refuse a path where something is that may not be replaced."""
    if os.path.lexists(path):
        if not overwrite:
            raise StorageError(f"`{argument}`: {path} exists; choose another, or pass overwrite=True to replace it.")
        if not (path / description).is_file():
            raise StorageError(
                f"`{argument}`: {path} was not written by auxtasks and is not replaced; choose another path."
            )


def described(
    state: Mapping[str, Any],
    n_original: int,
    arrays: Mapping[str, Any],
    inputs: Mapping[str, Any] | None,
    lengths: Mapping[str, Any] | None,
    main: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the description of targets whose arrays are written."""
    fields = {
        "format": FORMAT,
        "auxtasks": __version__,
        "n_original": n_original,
        "generator": state,
        "targets": arrays,
        "inputs": inputs,
        "lengths": lengths,
        **({"main": main} if main else {}),
    }
    return json.dumps(fields, indent=1, default=plain, allow_nan=False)


def _write_inputs(folder: Path, inputs: Array) -> dict[str, Any]:
    if inputs.dtype != object:
        return _write_array(folder, "inputs.npy", inputs)
    # Texts; an array of objects could only be pickled.
    (folder / TEXTS).write_text(json.dumps(inputs.tolist()), encoding="utf-8")
    return {"file": TEXTS, "shape": inputs.shape, "dtype": inputs.dtype.str}


def _write_array(folder: Path, name: str, array: Array) -> dict[str, Any]:
    np.save(folder / name, array, allow_pickle=False)
    return {"file": name, "shape": array.shape, "dtype": array.dtype.str}


def read_targets(folder: Path, *, mmap: bool = True) -> tuple[Fitted, Made]:
    """Read what `save_targets` wrote; see `auxtasks.load_targets`."""
    described = read_description(folder / DESCRIPTION, FORMAT, _absent, AGAIN)
    with damage_named(folder / DESCRIPTION):
        fitted = Fitted.from_state(described["generator"])
        n_original = int(described["n_original"])
        files: dict[str, Mapping[str, Any]] = dict(described["targets"])
        arrays = {name: _read_array(folder, files[name], mmap) for name in fitted.specs}
        inputs = None if described["inputs"] is None else _read_array(folder, described["inputs"], mmap)
        steps = None if described.get("lengths") is None else _read_array(folder, described["lengths"], mmap)
        main = {str(each["output"]): _read_array(folder, each, mmap) for each in described.get("main", ())}
        lengths = {len(array) for array in (*arrays.values(), inputs, steps, *main.values()) if array is not None}
        fits = all(arrays[name].shape[1:] == spec.shape for name, spec in fitted.specs.items())
    if len(lengths) != 1 or not fits or not 0 < n_original <= lengths.pop():
        raise StorageError(f"{folder / DESCRIPTION} does not fit the arrays beside it. Save the targets again.")
    return fitted, Made(arrays, inputs, n_original, steps, main or None)


AGAIN = "Save the targets again"


@contextmanager
def damage_named(path: Path, way_out: str = AGAIN) -> Iterator[None]:
    """Say of errors while a description is read what they mean."""
    try:
        yield
    except UnknownNameError as error:
        raise StorageError(
            f"{path} needs something that is not registered here: {error} Import the module that registers it first."
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"{path} is damaged: {type(error).__name__}: {error}. {way_out}.") from error


def read_description(path: Path, form: int, absent: Callable[[Path], str], way_out: str) -> Mapping[str, Any]:
    """Read a description of one format, or say what it is instead."""
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StorageError(f"`path`: {absent(path)}") from error
    except ValueError as error:
        raise StorageError(f"{path} is damaged: {error}. {way_out}.") from error
    if not isinstance(described, dict) or "format" not in described:
        raise StorageError(f"{path} was not written by auxtasks.")
    if described["format"] != form:
        raise StorageError(
            f"{path} is of format {described['format']!r}, and this version of auxtasks ({__version__}) reads format "
            f"{form}. {way_out}, or use auxtasks {described.get('auxtasks', 'of another version')}."
        )
    return described


def _absent(path: Path) -> str:
    """Say what may be there in place of targets."""
    folder = path.parent
    if (folder / "auxtasks_zarr.json").exists():
        return f"the targets in {folder} are Zarr arrays; open them with `auxtasks.cluster.open_zarr`."
    for unfinished in (folder, folder.parent / f"{folder.name}{PARTIAL}"):
        if (unfinished / JOURNAL).exists():
            return (
                f"the targets in {unfinished} are unfinished; make the same call of `make_aux_targets` again, which "
                "goes on where it stopped."
            )
    return f"there is no {path}; pass a directory that `AuxTargets.save` wrote."


def _read_array(folder: Path, described: Mapping[str, Any], mmap: bool) -> Array:
    name = described["file"]
    path = folder / name
    if Path(name).name != name:
        raise StorageError(f"{folder / DESCRIPTION} names {name!r}, which is not a file beside it.")
    try:
        array = _read_texts(path) if name == TEXTS else np.load(path, "r" if mmap else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing. Save the targets again.") from error
    except (ValueError, EOFError) as error:
        raise StorageError(f"{path} is damaged: {error}. Save the targets again.") from error
    shape, dtype = tuple(described["shape"]), described["dtype"]
    if array.shape != shape or array.dtype.str != dtype:
        raise StorageError(
            f"{path} holds shape {array.shape} and dtype {array.dtype.str}; its description says {shape} and {dtype}. "
            "Save the targets again."
        )
    return array


def _read_texts(path: Path) -> Array:
    texts = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("it is no list of texts")
    array = np.empty(len(texts), object)
    array[:] = texts
    return array
