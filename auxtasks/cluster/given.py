"""Given columns beside partitions: held in memory as a whole, and handed out in slices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auxtasks.cluster.piece import Piece
from auxtasks.cluster.recognise import is_dask
from auxtasks.cluster.source import Source
from auxtasks.errors import InvalidInputError
from auxtasks.optional import require


def bring(given: Mapping[str, object] | None, domain: str) -> dict[str, Any]:
    """Compute the given columns that are collections of Dask.

    Parameters
    ----------
    given : mapping of str to array-like, dask array, bag or column, or None
        The columns, checked to be a mapping of names.
    domain : str
        What the inputs are.

    Returns
    -------
    dict of str to array-like
        In memory: the labels of a sample are small beside the sample.

    Raises
    ------
    InvalidInputError
        If texts have a label for each token.

    Examples
    --------
    >>> import dask.array as da
    >>> bring({"speaker": da.ones(3, chunks=1, dtype=int)}, "signal")
    {'speaker': array([1, 1, 1])}
    """
    lazy = {name: values for name, values in (given or {}).items() if is_dask(values)}
    (computed,) = require("dask", extra="dask").compute(lazy)
    columns = {name: computed.get(name, values) for name, values in (given or {}).items()}
    for name, values in columns.items():
        first = next((labels for labels in values if labels is not None), None) if _is_listed(values) else None
        if domain == "text" and isinstance(first, (list, tuple)):
            raise InvalidInputError(
                f"`given`: {name!r} has a list of labels for each text, and labels for each token are not cut into "
                "partitions; make the targets of a part of the texts that fits in memory."
            )
    return columns


def pieces(source: Source, columns: Mapping[str, Any]) -> list[Piece]:
    """Cut given columns as the samples are cut.

    Parameters
    ----------
    source : Source
        The partitions, their numbers of samples known if there is a column.
    columns : mapping of str to array-like
        The columns, as long as there are samples.

    Returns
    -------
    list of Piece
        One for each partition.

    Examples
    --------
    >>> pieces(Source((None, None), (2, 1)), {"speaker": [5, 6, 7]})[1].given
    {'speaker': [7]}
    """
    places = source.places()
    rows = source.slices() if columns else [slice(0)] * len(places)
    return [
        Piece(number, place, {name: _take(values, at) for name, values in columns.items()})
        for number, (place, at) in enumerate(zip(places, rows, strict=True))
    ]


def _is_listed(values: Any) -> bool:
    return isinstance(values, (list, tuple)) or str(getattr(values, "dtype", "")) == "object"


def _take(values: Any, rows: slice) -> Any:
    return values.iloc[rows] if hasattr(values, "iloc") else values[rows]
