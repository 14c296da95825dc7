"""Reading targets from disk, and saying which file is wrong if one is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.errors import StorageError, UnknownNameError
from auxtasks.targets.mapping import AuxTargets
from auxtasks.targets.state import from_state
from auxtasks.targets.storage import DESCRIPTION, FORMAT, JOURNAL, PARTIAL, TEXTS
from auxtasks.typing import Array


def load_targets(path: str | os.PathLike[str], *, mmap: bool = True) -> AuxTargets:
    """Load what `AuxTargets.save` wrote.

    Parameters
    ----------
    path : path-like
        The directory.
    mmap : bool
        Whether to leave the arrays on disk until they are read.

    Returns
    -------
    AuxTargets
        As they were saved, with a ``transform`` of the same scaling.

    Raises
    ------
    StorageError
        If the directory or a file is absent, or a file is not what the description says.

    Examples
    --------
    >>> import tempfile, auxtasks
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     auxtasks.make_aux_targets([[1.0, 3.0], [2.0, 2.0]], "signal", "std").save(f"{folder}/targets")
    ...     auxtasks.load_targets(f"{folder}/targets", mmap=False)["std"]
    array([[ 1.],
           [-1.]], dtype=float32)
    """
    folder = Path(path)
    described = _read_description(folder / DESCRIPTION)
    with damage_named(folder / DESCRIPTION, "Save the targets again."):
        generator = from_state(described["generator"])
        n_original = int(described["n_original"])
        files: dict[str, Mapping[str, Any]] = dict(described["targets"])
        arrays = {name: _read_array(folder, files[name], mmap) for name in generator.specs_}
        inputs = None if described["inputs"] is None else _read_array(folder, described["inputs"], mmap)
        steps = None if described.get("lengths") is None else _read_array(folder, described["lengths"], mmap)
        lengths = {len(array) for array in (*arrays.values(), inputs, steps) if array is not None}
        fits = all(arrays[name].shape[1:] == spec.shape for name, spec in generator.specs_.items())
    if len(lengths) != 1 or not fits or not 0 < n_original <= lengths.pop():
        raise StorageError(f"{folder / DESCRIPTION} does not fit the arrays beside it. Save the targets again.")
    return AuxTargets(arrays, generator, inputs, n_original, steps)


@contextmanager
def damage_named(path: Path, way_out: str) -> Iterator[None]:
    """Say of errors while a description is read what they mean.

    Parameters
    ----------
    path : Path
        The description.
    way_out : str
        What to do if it is damaged.

    Raises
    ------
    StorageError
        If a name in it is not registered, or something in it is absent or of another form.

    Examples
    --------
    >>> with damage_named(Path("here"), "Save the targets again."):
    ...     {}["generator"]
    Traceback (most recent call last):
    auxtasks.errors.StorageError: here is damaged: KeyError: 'generator'. Save the targets again.
    """
    try:
        yield
    except UnknownNameError as error:
        raise StorageError(
            f"{path} needs something that is not registered here: {error} Import the module that registers it first."
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"{path} is damaged: {type(error).__name__}: {error}. {way_out}") from error


def _read_description(path: Path) -> Mapping[str, Any]:
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        folder = path.parent
        if (folder / "auxtasks_zarr.json").exists():
            raise StorageError(
                f"`path`: the targets in {folder} are Zarr arrays; open them with `auxtasks.cluster.open_zarr`."
            ) from error
        unfinished = next(
            (f for f in (folder, folder.with_name(folder.name + PARTIAL)) if (f / JOURNAL).exists()), None
        )
        if unfinished is not None:
            raise StorageError(
                f"`path`: the targets in {unfinished} are unfinished; make the same call of `make_aux_targets` again, "
                "which goes on where it stopped."
            ) from error
        raise StorageError(f"`path`: there is no {path}; pass a directory that `AuxTargets.save` wrote.") from error
    except ValueError as error:
        raise StorageError(f"{path} is damaged: {error}. Save the targets again.") from error
    if not isinstance(described, dict) or "format" not in described:
        raise StorageError(f"{path} was not written by auxtasks.")
    if described["format"] != FORMAT:
        raise StorageError(
            f"{path} is of format {described['format']!r}, and this version of auxtasks ({__version__}) reads format "
            f"{FORMAT}. Save the targets again, or use auxtasks {described.get('auxtasks', 'of another version')}."
        )
    return described


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
