"""Targets on disk: a directory of .npy files and a description, written as a whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.errors import StorageError
from auxtasks.targets.mapping import AuxTargets
from auxtasks.targets.state import plain, to_state
from auxtasks.typing import Array

DESCRIPTION = "auxtasks.json"
PARTIAL = ".partial"
"""What the name of a folder ends with while `make_aux_targets` writes to it."""
JOURNAL = "journal.jsonl"
"""What it has finished."""
FORMAT = 1
TEXTS = "inputs.json"


def save_targets(targets: AuxTargets, path: Path, *, include_inputs: bool, overwrite: bool) -> None:
    """Save targets; see `AuxTargets.save`.

    Parameters
    ----------
    targets : AuxTargets
        The targets.
    path : Path
        The directory to be made.
    include_inputs : bool
        Whether to save the inputs too.
    overwrite : bool
        Whether to replace targets saved there before.

    Raises
    ------
    StorageError
        If something is there that may not be replaced.
    InvalidTypeError
        If an option of a task cannot be written as JSON.
    """
    check_replaceable(path, overwrite=overwrite)
    with written_as_a_whole(path) as new:
        _write(targets, new, include_inputs)


@contextmanager
def written_as_a_whole(path: Path) -> Iterator[Path]:
    """Give a folder to write to, and put it in the place of what is at a path once it is written without an error.

    Parameters
    ----------
    path : Path
        Where it is to be.

    Yields
    ------
    Path
        A new folder beside it.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written_as_a_whole(Path(folder) / "a") as new:
    ...         (new / "b").touch()
    ...     [file.name for file in (Path(folder) / "a").iterdir()]
    ['b']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Next to its place, so that moving it there is one step on the same file system.
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        new, old = scratch / "new", scratch / "old"
        new.mkdir()
        yield new
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


def check_replaceable(path: Path, *, overwrite: bool, argument: str = "path", description: str = DESCRIPTION) -> None:
    """Refuse a path where something is that may not be replaced.

    Parameters
    ----------
    path : Path
        Where targets are to be written.
    overwrite : bool
        Whether other targets may be replaced.
    argument : str
        What the path was given as.
    description : str
        The file by which a folder that may be replaced is told.

    Raises
    ------
    StorageError
        If it may not.

    Examples
    --------
    >>> check_replaceable(Path("nothing is here"), overwrite=False)
    """
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
) -> str:
    """Return the description of targets whose arrays are written.

    Parameters
    ----------
    state : mapping
        The fitted generator, as `auxtasks.targets.state.to_state` describes it.
    n_original : int
        How many of the samples are not transformed copies.
    arrays : mapping of str to mapping
        For each target its file, shape and dtype.
    inputs, lengths : mapping or None
        The same of these; None where they are not written.

    Returns
    -------
    str
        JSON.
    """
    fields = {
        "format": FORMAT,
        "auxtasks": __version__,
        "n_original": n_original,
        "generator": state,
        "targets": arrays,
        "inputs": inputs,
        "lengths": lengths,
    }
    return json.dumps(fields, indent=1, default=plain, allow_nan=False)


def _write(targets: AuxTargets, folder: Path, include_inputs: bool) -> None:
    arrays = {
        name: _write_array(folder, f"target_{i:03d}.npy", array) for i, (name, array) in enumerate(targets.items())
    }
    inputs = _write_inputs(folder, targets.inputs) if include_inputs else None
    lengths = None if targets.lengths is None else _write_array(folder, "lengths.npy", targets.lengths)
    text = described(to_state(targets.generator), targets.n_original, arrays, inputs, lengths)
    (folder / DESCRIPTION).write_text(text, encoding="utf-8")


def _write_inputs(folder: Path, inputs: Array) -> dict[str, Any]:
    if inputs.dtype != object:
        return _write_array(folder, "inputs.npy", inputs)
    # Texts; an array of objects could only be pickled.
    (folder / TEXTS).write_text(json.dumps(inputs.tolist()), encoding="utf-8")
    return {"file": TEXTS, "shape": inputs.shape, "dtype": inputs.dtype.str}


def _write_array(folder: Path, name: str, array: Array) -> dict[str, Any]:
    np.save(folder / name, array, allow_pickle=False)
    return {"file": name, "shape": array.shape, "dtype": array.dtype.str}
