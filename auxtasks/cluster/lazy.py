"""Targets that are not computed yet: the mapping of `AuxTargets`, of dask arrays with chunks along the samples."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from auxtasks.cluster.labels import lazy_labels
from auxtasks.cluster.recognise import is_dask
from auxtasks.errors import InvalidInputError
from auxtasks.optional import require
from auxtasks.targets.mapping import AuxTargets
from auxtasks.targets.table import table

if TYPE_CHECKING:
    from os import PathLike

    from auxtasks.targets.generator import AuxTargetGenerator

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
        from auxtasks.cluster.source import with_known_rows

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
        from auxtasks.cluster.writing import write_zarr

        write_zarr(self.compute_chunk_sizes(), Path(path), include_inputs=include_inputs, overwrite=overwrite)

    @property
    def _first(self) -> Any:
        return next(iter(self._arrays.values()))

    def _own(self, n_samples: int) -> int:
        """How many of so many samples are no copies: one task at most makes one of each."""
        return n_samples // 2 if any(task.effect == "expands" for task in self._generator.tasks_) else n_samples

    def _known(self) -> None:
        if self._n_original < 0:
            raise InvalidInputError(
                "the number of samples is not known before they are computed; call compute_chunk_sizes() first, which "
                "returns the targets with it."
            )
