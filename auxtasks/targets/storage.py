"""Targets on disk: a directory of .npy files and a description, written as a whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.errors import StorageError
from auxtasks.targets.mapping import AuxTargets
from auxtasks.targets.state import plain, to_state
from auxtasks.typing import Array

DESCRIPTION = "auxtasks.json"
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
    if os.path.lexists(path):
        if not overwrite:
            raise StorageError(f"`path`: {path} exists; choose another, or pass overwrite=True to replace it.")
        if not (path / DESCRIPTION).is_file():
            raise StorageError(f"`path`: {path} was not written by auxtasks and is not replaced; choose another path.")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Next to its place, so that moving it there is one step on the same file system.
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        new, old = scratch / "new", scratch / "old"
        new.mkdir()
        _write(targets, new, include_inputs)
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


def _write(targets: AuxTargets, folder: Path, include_inputs: bool) -> None:
    described = {
        "format": FORMAT,
        "auxtasks": __version__,
        "n_original": targets.n_original,
        "generator": to_state(targets.generator),
        "targets": {
            name: _write_array(folder, f"target_{i:03d}.npy", array) for i, (name, array) in enumerate(targets.items())
        },
        "inputs": _write_inputs(folder, targets.inputs) if include_inputs else None,
        "lengths": None if targets.lengths is None else _write_array(folder, "lengths.npy", targets.lengths),
    }
    text = json.dumps(described, indent=1, default=plain, allow_nan=False)
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
