"""Reading what `LazyAuxTargets.to_zarr` wrote, lazily, and saying which array is wrong if one is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auxtasks._version import __version__
from auxtasks.cluster.lazy import LazyAuxTargets
from auxtasks.cluster.writing import DESCRIPTION, FORMAT
from auxtasks.errors import StorageError
from auxtasks.optional import require


def open_zarr(path: str | os.PathLike[str]) -> LazyAuxTargets:
    """Open what `LazyAuxTargets.to_zarr` wrote; arrays are read when they are computed.

    Parameters
    ----------
    path : path-like
        The directory.

    Returns
    -------
    LazyAuxTargets
        As they were written, with a ``transform`` of the same scaling.

    Raises
    ------
    StorageError
        If the directory or an array is absent, lacks a chunk, or is not what the description says.

    Examples
    --------
    >>> import tempfile, auxtasks, dask.array as da
    >>> from auxtasks.cluster import open_zarr
    >>> X = da.from_array([[1.0, 3.0], [2.0, 2.0]], chunks=(1, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     auxtasks.make_aux_targets(X, "signal", "std").to_zarr(f"{folder}/targets")
    ...     open_zarr(f"{folder}/targets")["std"].compute()
    array([[ 1.],
           [-1.]], dtype=float32)
    """
    from auxtasks.targets.loading import damage_named
    from auxtasks.targets.state import from_state

    folder = Path(path)
    described = _read_description(folder / DESCRIPTION)
    with damage_named(folder / DESCRIPTION, "Write the targets again."):
        generator = from_state(described["generator"])
        n_original = int(described["n_original"])
        files: dict[str, Mapping[str, Any]] = dict(described["arrays"])
        names = {name: described["targets"][name] for name in generator.specs_}
        said = {file: (tuple(fields["shape"]), str(fields["dtype"])) for file, fields in files.items()}
        rows = {shape[0] for shape, _ in said.values()}
        fits = all(said[names[name]][0][1:] == spec.shape for name, spec in generator.specs_.items())
        # Nothing is read that is not in this folder.
        fits &= all(Path(file).name == file for file in files)
    if len(rows) != 1 or not fits or not 0 < n_original <= next(iter(rows)):
        raise StorageError(f"{folder / DESCRIPTION} does not fit the arrays beside it. Write the targets again.")
    found = {file: _open(folder / file, *fields) for file, fields in said.items()}
    arrays = {name: found[file] for name, file in names.items()}
    return LazyAuxTargets(arrays, generator, found.get("inputs"), n_original, found.get("lengths"))


def _read_description(path: Path) -> Mapping[str, Any]:
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StorageError(
            f"`path`: there is no {path}; pass a directory that `LazyAuxTargets.to_zarr` wrote to its end."
        ) from error
    except ValueError as error:
        raise StorageError(f"{path} is damaged: {error}. Write the targets again.") from error
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        found = described.get("format") if isinstance(described, dict) else None
        raise StorageError(
            f"{path} is of format {found!r}, and this version of auxtasks ({__version__}) reads format {FORMAT}. "
            "Write the targets again."
        )
    return described


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
