"""From partitions and a fitted generator to lazy targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from auxtasks.aux_targets import AuxTargets
from auxtasks.columns import read_column
from auxtasks.errors import InvalidInputError
from auxtasks.label_columns import check_names
from auxtasks.labels import main_labels, present_rows
from auxtasks.optional import is_dask, require
from auxtasks.scale.dask_fit import Kept, PartitionTargets
from auxtasks.scale.dask_source import (
    Partition,
    Source,
    bring,
    bring_labels,
    calls_on,
    joined,
    layer,
    pieces,
    read_source,
    with_known_rows,
)
from auxtasks.storage import write_zarr
from auxtasks.targets.computing import check_like_training
from auxtasks.targets.fitted import Fitted, TargetArrays
from auxtasks.teacher.labels import main_of
from auxtasks.typing import Array

if TYPE_CHECKING:
    from os import PathLike


def transform_lazily(fitted: Fitted, X: object, label_columns: Mapping[str, object] | None) -> TargetArrays:
    """Lay out the targets of a collection of Dask; nothing but label columns is computed."""
    check_names(label_columns, fitted.label_columns)
    source = _read(fitted, X)
    return targets_of(fitted, source.counted() if label_columns else source, label_columns)


def prepare_lazily(fitted: Fitted, X: object) -> Any:
    source = _read(fitted, X)
    layout = inputs_layout(fitted, source, copies=False)
    calls = calls_on(_prepared, source.blocks, pieces(source, {}), fitted, layout)
    return joined("prepare", calls, source.rows, *layout)


def targets_of(
    fitted: Fitted,
    source: Source,
    label_columns: Mapping[str, object] | None,
    y: object = None,
    *,
    training: bool = False,
) -> TargetArrays:
    """Lay out the targets of checked partitions, as dask arrays; of those that were fitted on if `training`."""
    columns = bring(label_columns, fitted.domain)
    if columns:
        # Checks at the door what workers would find; the labels themselves are encoded partition by partition.
        fitted.encoded(columns, sum(source.rows or ()))
    copies = bool(fitted.adding)
    as_they_are = source.array is not None and not copies and not fitted.changes_inputs
    inputs = None if as_they_are else inputs_layout(fitted, source, copies)
    layouts = layouts_of(fitted)
    # What teachers know of the training samples stays here.
    sent = replace(fitted, teachers=tuple(teacher.light() for teacher in fitted.teachers))
    made = layer("make", calls_on(make, source.blocks, pieces(source, columns), sent, inputs, layouts, training))

    def lay_out(take: Callable[..., Array], layout: Layout) -> Any:
        # All originals first, then all copies, as in memory.
        halves = (False, True) if copies else (None,)
        calls = [(partial(take, copies=half), one) for half in halves for one in made]
        rows = None if source.rows is None else source.rows * len(halves)
        return joined("targets", calls, rows, *layout)

    arrays = {name: lay_out(partial(target_of, name=name), layout) for name, layout in layouts.items()}
    read = source.array if inputs is None else lay_out(inputs_of, inputs)
    lengths = None if fitted.texts is None else lay_out(lengths_of, Layout((), np.dtype(np.int64)))
    n = -1 if source.rows is None else sum(source.rows)
    main = None if y is None else main_of(y, n, 2 * n if copies else n)
    return TargetArrays(arrays, read, n, lengths, main)


def scaled_from(kept: Kept, fitted: Fitted, rows: Sequence[int]) -> dict[str, Any]:
    """Lay out the same targets, as dask arrays that scale what workers have computed already."""
    layouts = layouts_of(fitted)
    shared = [require("dask", extra="dask").delayed(value, traverse=False) for value in (fitted, layouts)]
    made = layer("scale", [(scaled_part, part, *shared) for part in kept.parts])
    return {
        name: joined("targets", [(partial(target_of, name=name, copies=None), one) for one in made], rows, *layout)
        for name, layout in layouts.items()
    }


def scaled_part(part: PartitionTargets | None, fitted: Fitted, layouts: dict[str, Layout]) -> TargetArrays:
    """Scale the targets of a partition, and leave what was computed as it is: others may ask for it."""
    if part is None:
        return TargetArrays({name: layout.empty() for name, layout in layouts.items()}, None, 0)
    return fitted.scaled(part.targets, in_place=False)


def _read(fitted: Fitted, X: object) -> Source:
    source = read_source(X, fitted)
    if source.row_shape is not None:
        check_like_training(source.row_shape, fitted.row_shape, fitted.domain)
    return source


def _prepared(block: Any, piece: Any, fitted: Fitted, layout: Layout) -> Any:
    if not len(block):
        return layout.empty()
    with piece.named():
        return as_said(fitted.prepare(block), layout)


def make(
    block: Any, piece: Partition, fitted: Fitted, inputs: Layout | None, targets: dict[str, Layout], training: bool
) -> TargetArrays:
    """Make the targets of a partition; inputs only where the model does not read the samples as they are."""
    if not len(block):
        empty = None if inputs is None else inputs.empty()
        return TargetArrays({name: layout.empty() for name, layout in targets.items()}, empty, 0, np.empty(0, np.int64))
    with piece.named():
        made = piece.own(fitted).transform(block, piece.label_columns, piece.start if training else None)
        return replace(made, inputs=None if made.inputs is None or inputs is None else as_said(made.inputs, inputs))


def target_of(made: TargetArrays, *, name: str, copies: bool | None) -> Array:
    """Take a target out of what a partition gave: of the originals, of the copies, or with None of all samples."""
    return _half(made, made.arrays[name], copies)


def inputs_of(made: TargetArrays, *, copies: bool | None) -> Array:
    return _half(made, made.inputs, copies)


def lengths_of(made: TargetArrays, *, copies: bool | None) -> Array:
    return _half(made, np.asarray(made.lengths, np.int64), copies)


def _half(made: TargetArrays, array: Array, copies: bool | None) -> Array:
    return array if copies is None else array[made.n_original :] if copies else array[: made.n_original]


def as_said(inputs: Array, said: Layout) -> Array:
    """Return inputs in the dtype that was said before, and refuse those that are laid out otherwise."""
    if inputs.shape[1:] != said.shape:
        raise InvalidInputError(
            f"`X`: these samples give inputs of shape (n, {', '.join(map(str, inputs.shape[1:]))}), and (n, "
            f"{', '.join(map(str, said.shape))}) was expected, the shape of the training inputs; crop or pad the "
            "samples."
        )
    brought = inputs.astype(said.dtype, copy=False)
    if said.dtype.kind in "biu" and not np.array_equal(brought, inputs):
        raise InvalidInputError(
            f"`X`: copies of these samples are not {said.dtype}; convert the inputs to float32 first."
        )
    return brought


class Layout(NamedTuple):
    """The shape of one sample's values, and their dtype."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def empty(self) -> Array:
        return np.empty((0, *self.shape), self.dtype)


def layouts_of(fitted: Fitted) -> dict[str, Layout]:
    return {name: Layout(spec.shape, fitted.missing(name).dtype) for name, spec in fitted.specs.items()}


def inputs_layout(fitted: Fitted, source: Source, copies: bool) -> Layout:
    """Tell how the inputs that a model reads are laid out, by trying one sample of zeros."""
    if fitted.domain == "text":
        length = fitted.texts.length if fitted.texts is not None else 0
        return Layout((length,), np.dtype(np.int32)) if fitted.changes_inputs else Layout((), np.dtype(object))
    if source.array is None:
        like = fitted.prepare(np.zeros((1, *fitted.given_shape), np.float32))
        return Layout(like.shape[1:], np.dtype(np.float32))
    one = np.zeros((1, *source.array.shape[1:]), source.array.dtype)
    if copies and one.dtype.kind in "biu":
        low, high = (0, 1) if one.dtype == bool else (np.iinfo(one.dtype).min, np.iinfo(one.dtype).max)
        one[...] = np.random.default_rng(0).integers(low, high, one.shape, one.dtype, endpoint=True)
        found = np.asarray(fitted.transform(one).inputs)
    else:
        found = fitted.prepare(one)
    return Layout(found.shape[1:], found.dtype)


Self = TypeVar("Self", bound="LazyAuxTargets")


class LazyAuxTargets(AuxTargets):
    """Auxiliary targets as dask arrays, computed when they are asked for.

    Made by `auxtasks.make_aux_targets` and `AuxTargetGenerator.transform` from a collection of Dask, and by
    `auxtasks.load_targets`. Scaling, vocabulary and specs are fitted already, so that `attach_heads` takes them.

    Parameters
    ----------
    arrays : mapping of str to dask.array.Array
        The targets.
    generator : AuxTargetGenerator
        The fitted generator they come from.
    inputs : dask.array.Array or None
        What the model is to be trained on; None if it was not saved.
    n_original : int
        How many of the samples are the user's own; -1 while that is not known.
    lengths : dask.array.Array or None
        How many steps of each text are not padding; None for other inputs.

    Examples
    --------
    >>> import auxtasks, dask.array as da
    >>> X = da.from_array([[1.0, 3.0], [2.0, 2.0], [0.0, 4.0]], chunks=(2, 2))
    >>> targets = auxtasks.make_aux_targets(X, "signal", "std")
    >>> targets
    LazyAuxTargets of 3 samples in 2 chunks
    name  kind    shape  baseline  missing  left out
    std   vector  (1,)   1         ?
    >>> targets["std"].compute().shape, targets.compute()["std"].shape
    ((3, 1), (3, 1))
    """

    _kept: Kept | None = None

    def keep(self, kept: Kept | None) -> None:
        """Hold on to what workers computed already; where that is gone, it is computed anew."""
        self._kept = kept

    @property
    def _title(self) -> str:
        first = self._first
        n = "an unknown number of" if isnan(first.shape[0]) else first.shape[0]
        return f"LazyAuxTargets of {n} samples in {first.numblocks[0]} chunks"

    @property
    def n_samples(self) -> int:
        """How many samples there are, transformed copies included."""
        self._known()
        return super().n_samples

    @property
    def n_original(self) -> int:
        """How many of them are not transformed copies; these come first and can have a main label."""
        self._known()
        return super().n_original

    def compute_chunk_sizes(self: Self) -> Self:
        """Find out how many samples there are where bags, data frames or filters leave it open.

        Returns
        -------
        LazyAuxTargets
            The same with known numbers; these partitions are computed for it, and not kept.
        """
        first = self._first
        if not isnan(first.shape[0]):
            return self
        rows = tuple(map(int, first.copy().compute_chunk_sizes().chunks[0]))

        def known(array: Any) -> Any:
            return None if array is None else with_known_rows(array, rows)

        arrays = {name: known(array) for name, array in self._arrays.items()}
        of_inputs = known(self._inputs), self._own(sum(rows)), known(self._lengths)
        return type(self)(arrays, self._generator, *of_inputs, self._main)

    def compute(self, **options: Any) -> AuxTargets:
        """Compute all targets and the inputs into memory.

        Parameters
        ----------
        **options
            Passed on to ``dask.compute``, such as ``scheduler``.

        Returns
        -------
        AuxTargets
            As `auxtasks.make_aux_targets` makes of arrays.
        """
        dask = require("dask", extra="dask")
        arrays, inputs, lengths = dask.compute(self._quickest(options), self._inputs, self._lengths, **options)
        n_original = self._own(len(next(iter(arrays.values()))))
        return AuxTargets(arrays, self._generator, inputs, n_original, lengths, self._main)

    def persist(self: Self, **options: Any) -> Self:
        """Compute all targets and keep them where they were computed, in the memory of the workers.

        Parameters
        ----------
        **options
            Passed on to ``dask.persist``.

        Returns
        -------
        LazyAuxTargets
            The same, of arrays that are there or on their way.
        """
        dask = require("dask", extra="dask")
        arrays, inputs, lengths = dask.persist(self._quickest(options), self._inputs, self._lengths, **options)
        return type(self)(arrays, self._generator, inputs, self._n_original, lengths, self._main)

    def with_main(self, y: object = None, name: str = "main") -> dict[str, Any]:
        """Put the main labels beside the targets, as dask arrays with the same chunks.

        Parameters
        ----------
        y : dask array, array-like or mapping of str to these, optional
            As for `AuxTargets.with_main`. Those of targets with soft labels are computed and compared.
        name : str
            The key of the labels where `y` is not a mapping.

        Returns
        -------
        dict of str to dask.array.Array
            The labels, then the targets; a missing label is -1 (integers) or NaN (floats).

        Raises
        ------
        InvalidTypeError
            If the labels are not numbers.
        InvalidInputError
            If there are more labels than samples, if numbers of samples are not known, or if a name is that of a
            target; if soft labels were made from other labels than these.
        """
        return super().with_main(y, name)

    def _of_all(self, y: object, name: str) -> dict[str, Any]:
        chunks, found = self._first.chunks[0], {}
        for key, values in (y if isinstance(y, Mapping) else {name: y}).items():
            if is_dask(values):
                found[key] = _extended(values, key, self.n_original, chunks)
            else:
                array = main_labels({key: values}, name, self.n_original, sum(chunks))[key]
                found[key] = require("dask.array", extra="dask").from_array(array, chunks=(chunks, *array.shape[1:]))
        return found

    def _check_taught_from(self, y: object) -> None:
        super()._check_taught_from(bring_labels(y))

    def _without(self, soft: Any, own: Any) -> Any:
        da = require("dask.array", extra="dask")
        has_own = own.map_blocks(present_rows, dtype=bool, drop_axis=list(range(1, own.ndim)), meta=np.empty(0, bool))
        return da.where(has_own[:, np.newaxis], np.array(np.nan, soft.dtype), soft)

    def _read_by_batches(self, y: object, inputs: object) -> tuple[object, dict[str, Array], list[str]]:
        del y, inputs
        raise InvalidInputError(
            "these targets are not computed yet, and each batch would compute whole chunks again; call compute() "
            "first, or write them by to_zarr and read chunk by chunk, as examples/dask_cluster.py does."
        )

    def unscale(self, name: str, values: object) -> Any:
        """Turn a scaled target, or a prediction of it, into the task's own units; dask arrays stay lazy.

        Parameters
        ----------
        name : str
            The target.
        values : dask.array.Array or array-like, shape (..., *shape of the target)
            Scaled values.

        Returns
        -------
        dask.array.Array or ndarray
            As `AuxTargets.unscale`.
        """
        scaling = self._generator.scalings_.get(name)
        if not is_dask(values) or scaling is None:
            return values if is_dask(values) and name in self._arrays else super().unscale(name, values)
        lazy: Any = values
        # Values of the right shape that take no memory, so that a wrong one is refused as in memory.
        super().unscale(name, np.broadcast_to(np.zeros((), lazy.dtype), (0, *lazy.shape[1:])))
        lazy = lazy.rechunk({lazy.ndim - 1: -1})
        chunks = (*lazy.chunks[:-1], (len(scaling.mean),))
        return lazy.map_blocks(
            scaling.invert, dtype=lazy.dtype, chunks=chunks, meta=np.empty((0,) * lazy.ndim, lazy.dtype)
        )

    def save(self, path: str | PathLike[str], *, include_inputs: bool = True, overwrite: bool = False) -> None:
        """Refuse what would bring everything into the memory of one machine.

        Raises
        ------
        InvalidInputError
            Always; it names `to_zarr`, and ``compute().save``.
        """
        del include_inputs, overwrite
        raise InvalidInputError(
            f"use to_zarr({str(path)!r}) to write targets of Dask in parallel; if all of them fit in memory, use "
            "compute().save(...), which auxtasks.load_targets reads."
        )

    def to_zarr(self, path: str | PathLike[str], *, include_inputs: bool = True, overwrite: bool = False) -> None:
        """Write everything to a directory of Zarr arrays, in parallel; `auxtasks.load_targets` is the inverse.

        Parameters
        ----------
        path : path-like
            The directory to be made, on a file system that all workers see.
        include_inputs : bool
            Whether to write the inputs too.
        overwrite : bool
            Whether to replace targets written there before.

        Raises
        ------
        StorageError
            If something is there already. What was there survives a write that fails, and nothing half-written can be
            opened.
        InvalidInputError
            If the inputs are texts, which are written nowhere.

        Examples
        --------
        >>> import tempfile, auxtasks, dask.array as da
        >>> X = da.from_array([[1.0, 3.0], [2.0, 2.0]], chunks=(1, 2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     auxtasks.make_aux_targets(X, "signal", "std").to_zarr(f"{folder}/targets")
        ...     auxtasks.load_targets(f"{folder}/targets")["std"].compute()
        array([[ 1.],
               [-1.]], dtype=float32)
        """
        known, fitted = self.compute_chunk_sizes(), Fitted.of(self._generator)
        inputs = known.inputs if include_inputs else None
        made = TargetArrays(known._quickest({}), inputs, known.n_original, known.lengths, known._main)
        write_zarr(fitted, made, Path(path), overwrite=overwrite)
        self._kept = None  # the workers' memory is for others now

    def _quickest(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the targets, scaled from what the workers keep if it is they who are asked."""
        if self._kept is None or options or not self._kept.is_there:
            return self._arrays
        return scaled_from(self._kept, Fitted.of(self._generator), self._first.chunks[0])

    @property
    def _first(self) -> Any:
        return next(iter(self._arrays.values()))

    def _own(self, n_samples: int) -> int:
        """How many of so many samples are no copies: one task at most makes one of each."""
        effects = [task.extractor.effect for task in self._generator.tasks_]
        return n_samples // 2 if "expands" in effects else n_samples

    def _known(self) -> None:
        if self._n_original < 0:
            raise InvalidInputError(
                "the number of samples is unknown until they are computed; call compute_chunk_sizes() first, which "
                "returns the targets with it."
            )


def _extended(values: Any, key: str, n_labelled: int, chunks: tuple[int, ...]) -> Any:
    da = require("dask.array", extra="dask")
    kind = getattr(getattr(values, "dtype", None), "kind", "O")
    if hasattr(values, "to_dask_array") and not isinstance(values.dtype, np.dtype) and kind in "biuf":
        # pandas' own dtypes know missing values, and Dask makes objects of them.
        number = np.dtype(np.float64 if kind == "f" else np.int64)
        values = values.map_partitions(_plain, number, meta=(values.name, number))
    lazy = values.to_dask_array(lengths=True) if hasattr(values, "to_dask_array") else values
    if not hasattr(lazy, "chunks") or any(map(np.isnan, lazy.shape)):
        raise InvalidInputError(
            f"`y` ({key!r}) must be a dask array with known chunks, or a column of a dask data frame; got "
            f"{type(values).__name__}. Call y.compute_chunk_sizes() first, or compute the labels."
        )
    n, rest = sum(chunks), lazy.shape[1:]
    # What type and shape tell is refused as in memory, on an array that takes none.
    like = np.broadcast_to(np.zeros((), lazy.dtype), lazy.shape)
    if not lazy.ndim or not 1 <= len(lazy) <= n_labelled:
        main_labels({key: like}, key, n_labelled, n)
    dtype = main_labels({key: like[:1]}, key, 1, 2 if len(lazy) < n else 1)[key].dtype
    lazy = lazy.astype(dtype)
    if len(lazy) < n:
        missing = da.full((n - len(lazy), *rest), -1 if lazy.dtype.kind == "i" else np.nan, dtype=dtype)
        lazy = da.concatenate([lazy, missing])
    return lazy.rechunk((chunks, *rest)).map_blocks(_checked, key, dtype=dtype, meta=np.empty((0,) * lazy.ndim, dtype))


def _plain(part: Any, dtype: np.dtype[Any]) -> Any:
    """Return a part of a column with -1 or NaN where a label is missing."""
    read = read_column("`y`", part)
    numbers = np.where(read.missing, np.nan if dtype.kind == "f" else -1, read.values).astype(dtype)
    return type(part)(numbers, index=part.index, name=part.name)


def _checked(block: Any, key: str) -> Any:
    if block.dtype.kind == "f" and np.isinf(block).any():
        raise InvalidInputError(f"`y` ({key!r}) holds infinite values; use NaN where there is no label.")
    return block
