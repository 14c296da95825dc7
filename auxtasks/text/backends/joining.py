"""Putting together what was said of parts of the texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auxtasks.text.annotations import NAMED, Annotations
from auxtasks.text.spans import Spans
from auxtasks.typing import Array


def join(parts: Sequence[Annotations], needs: frozenset[str]) -> Annotations:
    """Lay annotations of consecutive texts end to end.

    Parameters
    ----------
    parts : sequence of Annotations
        All with the columns in `needs`; their names may differ.
    needs : frozenset of str
        The columns, which no parts at all could not tell.

    Returns
    -------
    Annotations
        Its names are those of all parts, sorted, so that they do not depend on how the texts were divided.

    Examples
    --------
    >>> from auxtasks.text.spans import Spans
    >>> parts = [Annotations(Spans.of([[(0, 2)]]), {"tag": np.zeros(1, np.int32)}, {"tag": (t,)}) for t in ("NN", "IN")]
    >>> joined = join(parts, frozenset({"tag"}))
    >>> joined.names["tag"], joined.columns["tag"].tolist()
    (('IN', 'NN'), [1, 0])
    """
    names = {column: tuple(sorted({name for part in parts for name in part.names[column]})) for column in needs & NAMED}
    spans = Spans(
        _flat([part.spans.counts for part in parts], np.int64),
        _flat([part.spans.starts for part in parts], np.int32),
        _flat([part.spans.ends for part in parts], np.int32),
    )
    columns = {
        column: _flat(
            [part.codes(column, names[column]) if column in NAMED else part.columns[column] for part in parts], np.int32
        )
        for column in sorted(needs)
    }
    return Annotations(spans, columns, names)


def number_runs(begins: Array, inside: Array, spans: Spans) -> Array:
    """Count the runs of tokens of each text from 0.

    Parameters
    ----------
    begins : ndarray of bool, shape (tokens,)
        Whether a run begins here.
    inside : ndarray of bool, shape (tokens,)
        Whether the token is in a run: the one that began last.
    spans : Spans
        Which tokens belong to which text.

    Returns
    -------
    ndarray of int32, shape (tokens,)
        The run of each token; -1 outside.

    Examples
    --------
    >>> spans = Spans.of([[(0, 1), (1, 2), (2, 3)], [(0, 1)]])
    >>> number_runs(np.array([1, 0, 1, 1], bool), np.array([1, 0, 1, 1], bool), spans).tolist()
    [0, -1, 1, 0]
    """
    begun = np.concatenate([[0], np.cumsum(begins)])
    number = begun[1:] - np.repeat(begun[spans.first[:-1]], spans.counts) - 1
    return np.where(inside, number, -1).astype(np.int32)


def _flat(arrays: list[Array], dtype: type[np.signedinteger]) -> Array:
    return np.concatenate([np.empty(0, dtype), *arrays]).astype(dtype, copy=False)
