"""What is to be made on disk: the inputs, what is computed of each chunk of them, and the files that it fills."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping, Sized
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, cast

import numpy as np

from auxtasks._version import __version__
from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.scale.disk_files import RowFile, digest_of
from auxtasks.scale.sources import Source, dense, source_of
from auxtasks.specs import NUMERIC_KINDS, Kind
from auxtasks.targets.computing import Computed, compute_all
from auxtasks.targets.fitted import Fitted, plain
from auxtasks.targets.raw import RawTarget
from auxtasks.targets.samples import Dense, row_slices
from auxtasks.targets.scaling import Scaling
from auxtasks.typing import Array

CHUNK_BYTES = 32 * 1024 * 1024
"""Inputs or targets of a chunk, whichever take more: what is computed, written and noted down at once."""
_LEAST_BYTES = 256
"""What a sample counts at least: batches of very small ones take far more than their numbers until they are joined."""


def job_of(X: object, draft: Fitted, given: Mapping[str, object] | None) -> Job:
    """Check everything there is to check before inputs are gone through, and compute the first sample."""
    _refuse(draft)
    source = source_of(X, draft.domain)
    samples = _samples_of(source.first, draft)
    columns = dict(given or {})
    # How many samples batches hold is seen at their end; until then it is believed to be as many as there are labels.
    n = source.n or max((len(values) for values in columns.values() if isinstance(values, Sized)), default=0)
    draft = draft.with_given(columns, n)
    job = Job(source, draft, draft.encoded(columns, n), samples)
    with warnings.catch_warnings():
        # Computed again with the first chunk, which says what there is to say.
        warnings.simplefilter("ignore", AuxTasksWarning)
        first = job.compute(0, source.first)
    changes = any(task.extractor.effect == "shortens" for task in draft.tasks)
    parts = _parts_of(first, scale=draft.settings.scale, with_inputs=source.inputs is None or changes)
    return replace(job, parts=parts, rows=_rows(first, parts, source.first, samples))


def _refuse(draft: Fitted) -> None:
    memory = "make the targets in memory and save them with `AuxTargets.save`"
    if draft.domain == "text" or any(task.extractor.fit for task in draft.tasks):
        raise InvalidInputError(f"`out`: texts are tagged and numbered as a whole; {memory}.")
    if draft.adding:
        raise InvalidInputError(
            f"`out`: {', '.join(map(repr, draft.adding))} draws at random over all samples at once and cannot be "
            f"computed in chunks; leave it out, or {memory}."
        )


def _rows(first: Computed, parts: tuple[Part, ...], one: Array, samples: Dense) -> int:
    """Choose how many samples a chunk has: whole blocks of those in which targets are computed in memory.

    Sums over many samples at once may round otherwise where blocks are cut otherwise, and the result is to be the same.
    """
    block = rows_at_once(prod(first.inputs.shape[1:]) * samples.compute.itemsize)
    largest = max(_LEAST_BYTES, one.nbytes, sum(prod(part.row_shape) * part.dtype.itemsize for part in parts))
    return block * max(1, CHUNK_BYTES // (block * largest))


def rows_at_once(bytes_per_row: int) -> int:
    """Return how many rows `row_slices` cuts off at once."""
    found: int = next(row_slices(1 << 62, bytes_per_row)).stop
    return found


@dataclass(frozen=True)
class Job:
    """Inputs, and what is made of them."""

    source: Source
    draft: Fitted  # the parameters, tasks and given columns; nothing is learned yet
    columns: list[RawTarget]  # the values of the given columns
    samples: Dense  # the first sample, in the layout of extractors
    parts: tuple[Part, ...] = ()
    rows: int = 1  # of a chunk

    def compute(self, start: int, block: Array) -> Computed:
        """Compute the unscaled targets of some rows, with errors that name rows as the user counts them."""
        stop = start + len(block)
        for column in self.columns:
            if len(column.array) < stop:
                raise InvalidInputError(
                    f"`given`: {column.name!r} has {len(column.array)} rows, and `X` at least {stop}; give one "
                    "for each sample."
                )
        columns = [replace(column, array=column.array[start:stop]) for column in self.columns]
        try:
            samples = _samples_of(block, self.draft)
        except InvalidInputError as error:
            counted = re.sub(r"`X\[(\d+)\]", lambda found: f"`X[{start + int(found[1])}]", str(error), count=1)
            raise InvalidInputError(counted) from error
        return compute_all(samples, self.draft.tasks, columns, replace(self.draft.settings, progress=False))

    def made_of(self) -> dict[str, Any]:
        """Return what decides the result, by the name of the argument, as JSON gives it back."""
        draft = self.draft
        params = {name: value for name, value in draft.params.items() if name not in ("n_jobs", "progress", "tasks")}
        fields = {
            **params,
            "dtype": str(draft.settings.dtype),
            "tasks": [[task.name, task.extractor.name, dict(task.options)] for task in draft.tasks],
            "given": {c.name: [draft.given[c.name].to_dict(), digest_of(c.array)] for c in self.columns},
            "shape of X": [self.source.n, *self.source.first.shape[1:]],
            "dtype of X": self.source.first.dtype.str,
            "version of auxtasks": __version__,
        }
        found: dict[str, Any] = json.loads(json.dumps(fields, default=plain))
        return found


def _samples_of(block: Array, draft: Fitted) -> Dense:
    # Of texts and of series of different lengths there are none here.
    return cast("Dense", draft.read(dense(block, draft.domain)))


INPUTS = "inputs.npy"


@dataclass(frozen=True)
class Part:
    """What is written of a chunk to one file: a target as it is computed, or the inputs."""

    target: str | None  # None for the inputs
    kind: Kind
    natural: tuple[int, ...]  # the shape of one sample's values as the task gives them
    file: str
    final: str  # where it will be found: another file, if it is to be scaled
    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def values(self, computed: Computed) -> Array:
        """Return what is to be written of a chunk; rows of another shape would shift all that come after them."""
        array = computed.inputs if self.target is None else computed.targets[self.target].array
        if array.shape[1:] != self.row_shape:
            raise InvalidInputError(
                f"task {self.target!r} gives shape {array.shape[1:]} for some samples and {self.row_shape} for the "
                "first; with `out` its shape must not depend on how many samples it is given, or which."
            )
        return array

    def open(self, folder: Path, scaling: Scaling | None = None) -> RowFile:
        """Open its file, or that of the scaled values."""
        if scaling is None:
            return RowFile(folder / self.file, self.row_shape, self.dtype)
        return RowFile(folder / self.final, (*self.row_shape[:-1], len(scaling.kept)), self.dtype)

    def raw(self, array: Array) -> RawTarget:
        """Return some rows as a target."""
        return RawTarget(self.target or "", self.kind, self.natural, array)


def _parts_of(first: Computed, *, scale: bool, with_inputs: bool) -> tuple[Part, ...]:
    parts = []
    for i, (name, target) in enumerate(first.targets.items()):
        final = f"target_{i:03d}.npy"
        file = f"raw_{i:03d}.npy" if scale and target.kind in NUMERIC_KINDS else final
        row_shape, dtype = target.array.shape[1:], target.array.dtype
        parts.append(Part(name, target.kind, target.natural, file, final, row_shape, dtype))
    if with_inputs:
        parts.append(Part(None, "vector", (), INPUTS, INPUTS, first.inputs.shape[1:], first.inputs.dtype))
    return tuple(parts)
