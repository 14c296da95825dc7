"""From partitions and a fitted generator to lazy targets."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from auxtasks.aux_targets import AuxTargets, table
from auxtasks.errors import InvalidInputError
from auxtasks.labels import main_labels
from auxtasks.optional import is_dask, require
from auxtasks.scale.dask_source import Piece, Source, bring, joined, layer, pieces, read_source
from auxtasks.specs import TargetSpec
from auxtasks.targets.computing import check_like_training
from auxtasks.targets.given import check_names, encode_given
from auxtasks.targets.raw import empty_target
from auxtasks.targets.settings import checked_settings
from auxtasks.typing import Array

if TYPE_CHECKING:
    from os import PathLike

    from auxtasks.generator import AuxTargetGenerator


def transform_lazily(generator: AuxTargetGenerator, X: object, given: Mapping[str, object] | None) -> LazyAuxTargets:
    """Lay out the targets of a collection of Dask; nothing but given columns is computed."""
    check_names(given, generator.given_)
    source = _read(generator, X)
    return targets_of(generator, source.counted() if given else source, given)


def prepare_lazily(generator: AuxTargetGenerator, X: object) -> Any:
    """Lay out what ``generator.prepare`` gives, as a dask array."""
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
    """Lay out the targets of checked partitions."""
    generator = copy.copy(generator)
    columns = bring(given, generator.domain)
    if columns:
        # Checks at the door what workers would find; the labels themselves are encoded partition by partition.
        known = sum(source.rows or ())
        encode_given(generator.given_, columns, known, generator.shapes_, np.dtype(generator.dtype))
    copies = any(task.extractor.effect == "expands" for task in generator.tasks_)
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


@dataclass(frozen=True)
class Made:
    """The targets of a partition; where a task adds copies, these come after the originals.

    Parameters
    ----------
    targets : dict of str to ndarray
        By name.
    inputs : ndarray or None
        None where the model reads the samples as they are.
    lengths : ndarray or None
        How many steps of each text are tokens.
    n : int
        How many samples are no copies.
    """

    targets: dict[str, Array]
    inputs: Array | None
    lengths: Array | None
    n: int


def make(
    block: Any, piece: Piece, generator: AuxTargetGenerator, inputs: Layout | None, targets: dict[str, Layout]
) -> Made:
    """Make the targets of a partition."""
    if not len(block):
        empty = None if inputs is None else inputs.empty()
        return Made({name: layout.empty() for name, layout in targets.items()}, empty, np.empty(0, np.int64), 0)
    with piece.named():
        found = piece.own(generator).transform(block, given=piece.given or None)
        brought = None if inputs is None else as_said(found.inputs, inputs)
    return Made(dict(found), brought, found.lengths, found.n_original)


def target_of(made: Made, *, name: str, copies: bool | None) -> Array:
    """Take a target out of what a partition gave: of the originals, of the copies, or with None of all samples."""
    return _half(made, made.targets[name], copies)


def inputs_of(made: Made, *, copies: bool | None) -> Array:
    """Take the inputs out of what a partition gave, where they were asked for."""
    if made.inputs is None:
        raise InvalidInputError("the inputs of this partition were not asked for.")
    return _half(made, made.inputs, copies)


def lengths_of(made: Made, *, copies: bool | None) -> Array:
    """Take the numbers of tokens of texts out of what a partition gave."""
    return _half(made, np.asarray(made.lengths, np.int64), copies)


def _half(made: Made, array: Array, copies: bool | None) -> Array:
    return array if copies is None else array[made.n :] if copies else array[: made.n]


def as_said(inputs: Array, said: Layout) -> Array:
    """Return inputs in the dtype that was said before, and refuse those that are laid out otherwise."""
    if inputs.shape[1:] != said.shape:
        raise InvalidInputError(
            f"`X`: these samples give inputs of shape (n, {', '.join(map(str, inputs.shape[1:]))}), and (n, "
            f"{', '.join(map(str, said.shape))}) was expected, as of the training inputs; crop or pad the samples."
        )
    brought = inputs.astype(said.dtype, copy=False)
    if said.dtype.kind in "biu" and not np.array_equal(brought, inputs):
        raise InvalidInputError(
            f"`X`: copies of these samples are no {said.dtype}; convert the inputs to float32 first."
        )
    return brought


@dataclass(frozen=True)
class Layout:
    """The shape of one sample's values, and their dtype."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def empty(self) -> Array:
        """Return the values of no samples."""
        return np.empty((0, *self.shape), self.dtype)


def target_layout(spec: TargetSpec, dtype: np.dtype[Any]) -> Layout:
    """Tell how a target is laid out."""
    return Layout(spec.shape, empty_target(spec.kind, 0, spec.shape, dtype).dtype)


def inputs_layout(generator: AuxTargetGenerator, source: Source, copies: bool) -> Layout:
    """Tell how the inputs that a model reads are laid out, by trying one sample of zeros."""
    if generator.domain == "text":
        length = generator.texts_.length if generator.texts_ is not None else 0
        return Layout((), np.dtype(object)) if generator.inputs == "texts" else Layout((length,), np.dtype(np.int32))
    if source.array is None:
        like = generator.prepare(np.zeros((1, *generator._given_shape), np.float32))
        return Layout(like.shape[1:], np.dtype(np.float32))
    one = np.zeros((1, *source.array.shape[1:]), source.array.dtype)
    if copies and one.dtype.kind in "biu":
        low, high = (0, 1) if one.dtype == bool else (np.iinfo(one.dtype).min, np.iinfo(one.dtype).max)
        one[...] = np.random.default_rng(0).integers(low, high, one.shape, one.dtype, endpoint=True)
        found = generator.transform(one).inputs
    else:
        found = generator.prepare(one)
    return Layout(found.shape[1:], found.dtype)


Self = TypeVar("Self", bound="LazyAuxTargets")


class LazyAuxTargets(AuxTargets):
    """Auxiliary targets as dask arrays, computed when they are asked for.

    Made by `auxtasks.make_aux_targets` and `AuxTargetGenerator.transform` from a collection of Dask, and by
    `auxtasks.cluster.open_zarr`. Scaling, vocabulary and specs are fitted already, so that `attach_heads` takes them.

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
    name  kind    shape  chance  missing  left out
    std   vector  (1,)   1       ?
    >>> targets["std"].compute().shape, targets.compute()["std"].shape
    ((3, 1), (3, 1))
    """

    def __init__(
        self,
        arrays: Mapping[str, Any],
        generator: AuxTargetGenerator,
        inputs: Any,
        n_original: int,
        lengths: Any = None,
    ) -> None:
        super().__init__({}, generator, inputs, n_original, lengths)
        self._arrays = dict(arrays)

    def __repr__(self) -> str:
        """Show a table of the targets, without computing any."""
        first = self._first
        n = "an unknown number of" if isnan(first.shape[0]) else first.shape[0]
        return table(self, f"LazyAuxTargets of {n} samples in {first.numblocks[0]} chunks")

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
        from auxtasks.scale.dask_source import with_known_rows

        rows = tuple(map(int, first.copy().compute_chunk_sizes().chunks[0]))

        def known(array: Any) -> Any:
            return None if array is None else with_known_rows(array, rows)

        arrays = {name: known(array) for name, array in self._arrays.items()}
        return type(self)(arrays, self._generator, known(self._inputs), self._own(sum(rows)), known(self._lengths))

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
        arrays, inputs, lengths = dask.compute(self._arrays, self._inputs, self._lengths, **options)
        n_original = self._own(len(next(iter(arrays.values()))))
        return AuxTargets(arrays, self._generator, inputs, n_original, lengths)

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
        arrays, inputs, lengths = dask.persist(self._arrays, self._inputs, self._lengths, **options)
        return type(self)(arrays, self._generator, inputs, self._n_original, lengths)

    def with_main(self, y: object, name: str = "main") -> dict[str, Any]:
        """Put the main labels beside the targets, as dask arrays with the same chunks.

        Parameters
        ----------
        y : dask array, array-like or mapping of str to these
            As for `AuxTargets.with_main`.
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
            target.
        """
        chunks = self._first.chunks[0]
        labels = lazy_labels(y, name, self.n_original, chunks)
        clash = sorted(set(labels) & set(self._arrays))
        if clash:
            raise InvalidInputError(
                f"`name`: {', '.join(map(repr, clash))} is the name of a target too; choose another for the main label."
            )
        return {**labels, **self._arrays}

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
            f"targets of Dask are written in parallel by to_zarr({str(path)!r}); where all of them fit in memory, "
            "compute().save(...) writes what auxtasks.load_targets reads."
        )

    def to_zarr(self, path: str | PathLike[str], *, include_inputs: bool = True, overwrite: bool = False) -> None:
        """Write everything to a directory of Zarr arrays, in parallel; `auxtasks.cluster.open_zarr` is the inverse.

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
        """
        from auxtasks.scale.zarr import write_zarr

        write_zarr(self.compute_chunk_sizes(), Path(path), include_inputs=include_inputs, overwrite=overwrite)

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
                "the number of samples is not known before they are computed; call compute_chunk_sizes() first, which "
                "returns the targets with it."
            )


def lazy_labels(y: object, name: str, n_labelled: int, chunks: tuple[int, ...]) -> dict[str, Any]:
    """Bring main labels to the length and the chunks of the targets."""
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
