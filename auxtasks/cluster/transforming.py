"""From partitions and a fitted generator to lazy targets."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.cluster.door import read_source
from auxtasks.cluster.given import bring, pieces
from auxtasks.cluster.graph import joined, layer
from auxtasks.cluster.layouts import Layout, inputs_layout, target_layout
from auxtasks.cluster.lazy import LazyAuxTargets
from auxtasks.cluster.made import as_said, inputs_of, lengths_of, make, target_of
from auxtasks.cluster.source import Source
from auxtasks.compute.checks import check_like_training
from auxtasks.compute.given_columns import check_names, encode_given
from auxtasks.compute.settings import checked_settings
from auxtasks.optional import require
from auxtasks.typing import Array

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator


def transform_lazily(generator: AuxTargetGenerator, X: object, given: Mapping[str, object] | None) -> LazyAuxTargets:
    """Lay out the targets of a collection of Dask; nothing but given columns is computed.

    Parameters
    ----------
    generator : AuxTargetGenerator
        The fitted generator.
    X : dask.array.Array, dask.bag.Bag, dask.dataframe.DataFrame or Series
        The inputs.
    given : mapping of str to array-like, optional
        The given columns.

    Returns
    -------
    LazyAuxTargets
        One chunk for each partition.

    Raises
    ------
    AuxTasksError
        If the generator or the collection cannot be used, as far as that can be told without computing.

    Examples
    --------
    >>> import auxtasks, dask.array as da
    >>> generator = auxtasks.AuxTargetGenerator("signal", "std").fit([[1.0, 3.0], [2.0, 2.0]])
    >>> transform_lazily(generator, da.zeros((4, 2), chunks=2), None)["std"].chunks
    ((2, 2), (1,))
    """
    check_names(given, generator.given_)
    source = _read(generator, X)
    return targets_of(generator, source.counted() if given else source, given)


def prepare_lazily(generator: AuxTargetGenerator, X: object) -> Any:
    """Lay out what ``generator.prepare`` gives, as a dask array.

    Parameters
    ----------
    generator : AuxTargetGenerator
        The fitted generator.
    X : dask.array.Array, dask.bag.Bag, dask.dataframe.DataFrame or Series
        The inputs.

    Returns
    -------
    dask.array.Array
        One chunk for each partition; nothing is computed.

    Raises
    ------
    AuxTasksError
        If the collection cannot be used, as far as that can be told without computing.

    Examples
    --------
    >>> import auxtasks, dask.array as da
    >>> X = np.arange(40.0).reshape(2, 20) ** 2
    >>> generator = auxtasks.AuxTargetGenerator("signal", {"next_steps": {"horizon": 1}}).fit(X)
    >>> prepare_lazily(generator, da.zeros((4, 20), chunks=2)).shape
    (4, 19)
    """
    source = _read(generator, X)
    layout = inputs_layout(generator, source, copies=False)
    delayed = require("dask", extra="dask").delayed
    shared = delayed(copy.copy(generator), traverse=False)
    calls = [
        (_prepared, block, piece, shared, layout)
        for block, piece in zip(source.blocks, pieces(source, {}), strict=True)
    ]
    return joined("prepare", calls, source.rows, layout.shape, layout.dtype)


def targets_of(generator: AuxTargetGenerator, source: Source, given: Mapping[str, object] | None) -> LazyAuxTargets:
    """Lay out the targets of checked partitions.

    Parameters
    ----------
    generator : AuxTargetGenerator
        The fitted generator.
    source : Source
        The partitions, their numbers of samples known if there are given columns.
    given : mapping of str to array-like, optional
        The given columns.

    Returns
    -------
    LazyAuxTargets
        With a copy of the generator that no refit changes.
    """
    generator = copy.copy(generator)
    columns = bring(given, generator.domain)
    if columns:
        # Checks at the door what workers would find; the labels themselves are encoded partition by partition.
        known = sum(source.rows or ())
        encode_given(generator.given_, columns, known, generator.shapes_, np.dtype(generator.dtype))
    copies = any(task.effect == "expands" for task in generator.tasks_)
    as_they_are = source.array is not None and not copies and not generator._changes_inputs
    inputs = None if as_they_are else inputs_layout(generator, source, copies)
    layouts = {name: target_layout(spec, np.dtype(generator.dtype)) for name, spec in generator.specs_.items()}

    delayed = require("dask", extra="dask").delayed
    shared = [delayed(value, traverse=False) for value in (generator, inputs, layouts)]
    told_of = pieces(source, columns)
    layer_made = layer("make", [(make, b, piece, *shared) for b, piece in zip(source.blocks, told_of, strict=True)])
    made = [layer_made.delayed(number) for number in range(len(told_of))]

    def lay_out(take: Callable[..., Array], layout: Layout) -> Any:
        # All originals first, then all copies, as in memory.
        halves = (False, True) if copies else (None,)
        calls = [(partial(take, copies=half), one) for half in halves for one in made]
        rows = None if source.rows is None else source.rows * len(halves)
        return joined("targets", calls, rows, layout.shape, layout.dtype)

    arrays = {name: lay_out(partial(target_of, name=name), layout) for name, layout in layouts.items()}
    read = source.array if inputs is None else lay_out(inputs_of, inputs)
    lengths = None if generator.texts_ is None else lay_out(lengths_of, Layout((), np.dtype(np.int64)))
    n_original = -1 if source.rows is None else sum(source.rows)
    return LazyAuxTargets(arrays, generator, read, n_original, lengths)


def _read(generator: AuxTargetGenerator, X: object) -> Source:
    source = read_source(X, generator, checked_settings(generator.get_params()))
    if source.row_shape is not None:
        check_like_training(source.row_shape, generator.row_shape_, generator.domain)
    return source


def _prepared(block: Any, piece: Any, generator: AuxTargetGenerator, layout: Layout) -> Any:
    if not len(block):
        return layout.empty()
    with piece.named():
        return as_said(generator.prepare(block), layout)
