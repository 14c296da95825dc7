"""The door for collections of Dask: what type and shape tell is checked, and nothing is computed."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.cluster.source import Source
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.inputs.arrays import to_array
from auxtasks.targets.reading import read_samples

if TYPE_CHECKING:
    from auxtasks.compute.settings import Settings
    from auxtasks.targets.generator import AuxTargetGenerator

_AXES = {"signal": 2, "image": 3, "video": 4, "any": 2}
_EXPECTED = "a dask array, a dask bag of samples, or a dask data frame or column"


def read_source(X: Any, generator: AuxTargetGenerator, settings: Settings) -> Source:
    """Check a collection of Dask, and cut it into partitions along the samples.

    Parameters
    ----------
    X : dask.array.Array, dask.bag.Bag, dask.dataframe.DataFrame or Series
        The inputs.
    generator : AuxTargetGenerator
        Whose parameters say what they are.
    settings : Settings
        The checked parameters that are not about texts.

    Returns
    -------
    Source
        The partitions; a sample that reaches over several chunks is brought into one.

    Raises
    ------
    InvalidTypeError
        If it is another kind of collection, or holds no numbers.
    InvalidInputError
        If the number of axes is wrong, an axis is empty, or a bag has no partitions.

    Examples
    --------
    >>> import auxtasks, dask.array as da
    >>> from auxtasks.compute.settings import checked_settings
    >>> generator = auxtasks.AuxTargetGenerator("signal")
    >>> X = da.ones((5, 8), chunks=(2, 4))
    >>> read_source(X, generator, checked_settings(generator.get_params())).rows
    (2, 2, 1)
    """
    kind = _kind(X)
    if kind == "frame":
        X, kind = _from_frame(X, generator.domain)
    if kind == "array" and not (generator.domain == "text" and X.ndim == 1):
        return _from_array(X, generator, settings)
    if generator.domain == "text":
        _check_texts(generator)
    else:
        # No partition is computed for it: one sample of the domain's layout shows whether parameters can be used.
        read_samples(np.zeros((1,) * _AXES.get(generator.domain, 2)), generator, settings, fitted=False)
    if kind == "bag":
        # Partitions of a bag may be iterators, which can be read only once.
        X = X.map_partitions(list)
        if not X.npartitions:
            raise InvalidInputError("`X` holds no samples: it is a bag without partitions.")
    rows = _known(X.chunks[0]) if kind == "array" else None
    return Source(tuple(np.ravel(np.array(X.to_delayed(), object)).tolist()), rows)


def _kind(X: Any) -> str:
    module, name = type(X).__module__, type(X).__name__
    if module.startswith("dask.array") and name == "Array":
        return "array"
    if module.startswith("dask.bag") and name == "Bag":
        return "bag"
    if module.startswith("dask.") and name in ("DataFrame", "Series"):
        return "frame"
    # Delayed objects tell neither what they hold nor how much; an xarray.DataArray has the dask array as its data.
    raise InvalidTypeError(
        f"`X` must be {_EXPECTED}; got {module}.{name}. Make one by dask.array.from_delayed or dask.bag.from_delayed, "
        "or pass the `.data` of an xarray.DataArray."
    )


def _from_frame(X: Any, domain: str) -> tuple[Any, str]:
    if domain == "text" and X.ndim == 2:
        raise InvalidTypeError(
            f"`X` must be one column for domain 'text'; got a data frame with the columns {list(X.columns)!r:.100}. "
            "Pass one of them, such as X['text']."
        )
    if domain == "text" or (X.ndim == 1 and X.dtype == object):
        return X, "column"
    return X.to_dask_array(), "array"


def _from_array(X: Any, generator: AuxTargetGenerator, settings: Settings) -> Source:
    if any(isnan(length) for length in X.shape[1:]):
        raise InvalidInputError(
            f"`X` must have known lengths along all axes but the first; got shape {X.shape}. Call "
            "X.compute_chunk_sizes() first."
        )
    shape = tuple(1 if isnan(length) else length for length in X.shape)
    if X.dtype == object:
        raise InvalidTypeError(f"`X` must hold real numbers; got dtype object, shape {X.shape}. Convert it first.")
    # Arrays of the same dtype and shape that take no memory; bytes, because floats would be searched for NaN.
    to_array(np.broadcast_to(np.zeros((), X.dtype), shape), "X")
    like = read_samples(np.broadcast_to(np.zeros((), np.int8), shape), generator, settings, fitted=False)
    whole = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    return Source(tuple(whole.to_delayed().ravel().tolist()), _known(whole.chunks[0]), whole, like.row_shape)


def _check_texts(generator: AuxTargetGenerator) -> None:
    # Here and not above: importing a family of tasks registers them, and the order of families is the registry's.
    from auxtasks.text.settings import checked_text_settings

    checked_text_settings(generator.get_params())


def _known(rows: Sequence[float]) -> tuple[int, ...] | None:
    return None if any(map(isnan, rows)) else tuple(map(int, rows))
