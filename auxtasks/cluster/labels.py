"""Main labels beside lazy targets, with the same chunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from auxtasks.cluster.recognise import is_dask
from auxtasks.errors import InvalidInputError
from auxtasks.optional import require
from auxtasks.targets.main_labels import main_labels


def lazy_labels(y: object, name: str, n_labelled: int, chunks: tuple[int, ...]) -> dict[str, Any]:
    """Bring main labels to the length and the chunks of the targets.

    Parameters
    ----------
    y : dask array, array-like or mapping of str to these
        Labels of the first samples, for all of them or for fewer.
    name : str
        The key for labels that are not a mapping.
    n_labelled : int
        How many samples can have a label.
    chunks : tuple of int
        The lengths of the targets' chunks.

    Returns
    -------
    dict of str to dask.array.Array
        -1 (integers) or NaN (floats) where there is no label.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        As `auxtasks.targets.main_labels.main_labels`; infinite labels of dask arrays are found when computed.

    Examples
    --------
    >>> lazy_labels([1, 0], "main", 3, (2, 2))["main"].compute()
    array([ 1,  0, -1, -1])
    """
    da = require("dask.array", extra="dask")
    named = y if isinstance(y, Mapping) else {name: y}
    found = {}
    for key, values in named.items():
        if is_dask(values):
            found[key] = _extended(values, key, n_labelled, chunks)
        else:
            (array,) = main_labels(
                {key: values} if isinstance(y, Mapping) else values, name, n_labelled, sum(chunks)
            ).values()
            found[key] = da.from_array(array, chunks=(chunks, *array.shape[1:]))
    return found


def _extended(values: Any, key: str, n_labelled: int, chunks: tuple[int, ...]) -> Any:
    da = require("dask.array", extra="dask")
    lazy = values.to_dask_array(lengths=True) if hasattr(values, "to_dask_array") else values
    if not hasattr(lazy, "chunks") or any(map(np.isnan, lazy.shape)):
        raise InvalidInputError(
            f"`y` ({key!r}) must be a dask array with known chunks, or a column of a dask data frame; got "
            f"{type(values).__name__}. Call y.compute_chunk_sizes() first, or compute the labels."
        )
    n, rest = sum(chunks), lazy.shape[1:]
    # What type and shape tell is refused as in memory, on an array that takes none.
    like = np.broadcast_to(np.zeros((), lazy.dtype), lazy.shape)
    dtype = (
        main_labels({key: like[:1]}, key, 1, 2 if len(lazy) < n else 1)[key].dtype if lazy.ndim and len(lazy) else None
    )
    if dtype is None or len(lazy) > n_labelled:
        main_labels({key: like}, key, n_labelled, n)
    lazy = lazy.astype(dtype)
    if len(lazy) < n:
        missing = da.full((n - len(lazy), *rest), -1 if lazy.dtype.kind == "i" else np.nan, dtype=dtype)
        lazy = da.concatenate([lazy, missing])
    return lazy.rechunk((chunks, *rest)).map_blocks(_checked, key, dtype=dtype, meta=np.empty((0,) * lazy.ndim, dtype))


def _checked(block: Any, key: str) -> Any:
    if block.dtype.kind == "f" and np.isinf(block).any():
        raise InvalidInputError(f"`y` ({key!r}) holds infinite values; use NaN where there is no label.")
    return block
