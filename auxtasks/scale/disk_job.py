"""What is to be made on disk: the inputs, what is computed of each chunk of them, and the files that it fills."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Container, Iterator, Mapping, Sized
from dataclasses import dataclass, field, replace
from math import lcm, prod
from pathlib import Path
from typing import Any, cast

import numpy as np

from auxtasks._version import __version__
from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.scale.disk_files import RowFile, RowLayout, digest_of
from auxtasks.scale.sources import Source, dense, some_rows, source_of
from auxtasks.specs import NUMERIC_KINDS, Kind
from auxtasks.targets.computing import Computed, RawTarget, compute_all
from auxtasks.targets.fitted import Fitted
from auxtasks.targets.samples import Dense, InBlocks, block_rows, row_slices
from auxtasks.targets.scaling import Scaling
from auxtasks.targets.state import plain, without_objects
from auxtasks.teacher.labels import main_of
from auxtasks.teacher.teaching import Course
from auxtasks.typing import Array

CHUNK_BYTES = 32 * 1024 * 1024
"""Inputs or targets of a chunk, whichever take more: what is computed, written and noted down at once."""
_LEAST_BYTES = 256
"""What a sample counts at least: batches of very small ones take far more than their numbers until they are joined."""


def job_of(X: object, draft: Fitted, label_columns: Mapping[str, object] | None, y: object = None) -> Job:
    """Check everything there is to check before targets are computed, and compute the first sample."""
    _refuse(draft)
    source = source_of(X, draft.domain)
    if y is not None:
        source.count()
    samples = _samples_of(source.first, draft)
    columns = dict(label_columns or {})
    # How many samples batches hold is seen at their end; until then it is believed to be as many as there are labels.
    n = source.n or max((len(values) for values in columns.values() if isinstance(values, Sized)), default=0)
    draft = draft.with_label_columns(columns, n)
    course = draft.course(y, n, n)
    draft = draft.for_course(course)
    main = {} if y is None else main_of(y, n, n)
    job = Job(source, draft, draft.encoded(columns, n), samples, course, main)
    with warnings.catch_warnings():
        # Computed again with the first chunk, which says what there is to say.
        warnings.simplefilter("ignore", AuxTasksWarning)
        first = job.compute(0, source.first)
    changes = any(task.extractor.effect == "shortens" for task in draft.tasks)
    soft = _soft_of(course, draft)
    first = replace(first, targets={**first.targets, **soft})
    with_inputs = source.inputs is None or changes
    parts = _parts_of(first, taught=soft.keys(), scale=draft.settings.scale, with_inputs=with_inputs)
    return replace(job, parts=parts, rows=_rows(first, parts, source.first, samples, taught=course is not None))


def _soft_of(course: Course | None, draft: Fitted) -> dict[str, RawTarget]:
    """Return the soft labels of one sample, all missing, to tell how they are laid out."""
    if course is None:
        return {}
    widths = {name: labels.width for name, labels in zip(course.names, course.outputs, strict=True)}
    dtype = draft.settings.dtype
    return {
        name: RawTarget(name, "vector", (width,), np.full((1, width), np.nan, dtype)) for name, width in widths.items()
    }


def _refuse(draft: Fitted) -> None:
    memory = "make the targets in memory and save them with `AuxTargets.save`"
    if draft.domain == "text" or any(task.extractor.fit for task in draft.tasks):
        raise InvalidInputError(f"`save_to`: texts are tagged and numbered as a whole; {memory}.")
    if draft.adding:
        raise InvalidInputError(
            f"`save_to`: {', '.join(map(repr, draft.adding))} draws at random over all samples at once and cannot be "
            f"computed in chunks; leave it out, or {memory}."
        )


def _rows(first: Computed, parts: tuple[TargetFile, ...], one: Array, samples: Dense, *, taught: bool) -> int:
    """Choose how many samples a chunk has: whole blocks of those in which targets are computed in memory.

    Sums over many samples at once may round otherwise where blocks are cut otherwise, and the result is to be the same.
    """
    block = rows_at_once(prod(first.inputs.shape[1:]) * samples.compute.itemsize)
    if taught:
        block = lcm(block, block_rows(samples))
    largest = max(_LEAST_BYTES, one.nbytes, sum(prod(part.row_shape) * part.dtype.itemsize for part in parts))
    return block * max(1, CHUNK_BYTES // (block * largest))


def rows_at_once(bytes_per_row: int) -> int:
    found: int = next(row_slices(1 << 62, bytes_per_row)).stop
    return found


@dataclass(frozen=True)
class Job:
    """Inputs, and what is made of them."""

    source: Source
    draft: Fitted  # the parameters, tasks and label columns; nothing is learned yet
    columns: list[RawTarget]  # the values of the label columns
    samples: Dense  # the first sample, in the layout of extractors
    course: Course | None  # what is taught; the draft has the teachers once they are fitted
    main: Mapping[str, Array]  # the main labels by output
    parts: tuple[TargetFile, ...] = ()
    rows: int = 1  # of a chunk
    seen: Mapping[int, tuple[int, str]] = field(default_factory=dict)  # ends and checksums of chunks read before

    def compute(self, start: int, block: Array) -> Computed:
        """Compute the unscaled targets of some rows, with errors that name rows as the user counts them."""
        stop = start + len(block)
        self.check_columns(stop, ended=False)
        columns = [replace(column, array=column.array[start:stop]) for column in self.columns]
        samples = _counted(block, self.draft, lambda row: start + row)
        computed = compute_all(samples, self.draft.tasks, columns, replace(self.draft.settings, progress=False))
        soft = self.draft.taught(samples, samples.n, start)
        targets = {name: RawTarget(name, "vector", array.shape[1:], array) for name, array in soft.items()}
        return replace(computed, targets={**computed.targets, **targets})

    def check_columns(self, n: int, *, ended: bool) -> None:
        """Refuse label columns that do not have a row for each of n samples, which may not be all yet."""
        for column in self.columns:
            rows = len(column.array)
            if rows < n or (ended and rows > n):
                raise InvalidInputError(
                    f"`label_columns`: {column.name!r} has {rows} rows, and `X` {'has' if ended else 'at least'} {n}; "
                    "give one for each sample."
                )

    def taught(self) -> Job:
        """Return the same with teachers, fitted on the samples that are drawn."""
        if self.course is None:
            return self
        rows = self.course.drawn
        block, seen = self._drawn(rows)
        samples = _counted(block, self.draft, lambda row: int(rows[row]))
        teachers = self.draft.taught_by(self.course, samples, _Everything(self.source, self.draft, self.rows))
        specs = {teacher.name: teacher.spec for teacher in teachers}
        return replace(self, draft=replace(self.draft, teachers=tuple(teachers), specs=specs), seen=seen)

    def _drawn(self, rows: Array) -> tuple[Array, dict[int, tuple[int, str]]]:
        """Return some samples, and the ends and checksums of the chunks that were read for them."""
        X = self.source.inputs
        if isinstance(X, np.ndarray):
            return X if len(rows) == len(X) else some_rows(X, rows), {}
        found, seen = [], {}
        for start, block in self.source.blocks(self.rows):
            first, last = np.searchsorted(rows, [start, start + len(block)])
            found.append(block[rows[first:last] - start])
            seen[start] = start + len(block), digest_of(block)
        drawn = np.concatenate(found)
        if len(drawn) < len(rows):
            raise InvalidInputError(
                f"`X` gave {self.source.n} samples when it was counted and fewer when it was read again; it must give "
                "the same batches each time."
            )
        return drawn, seen

    @property
    def main_files(self) -> dict[str, Array]:
        return {f"main_{i:03d}.npy": labels for i, labels in enumerate(self.main.values())}

    def made_of(self) -> dict[str, Any]:
        """Return what decides the result, by the name of the argument, as JSON gives it back."""
        draft = self.draft
        params = {name: value for name, value in draft.params.items() if name not in ("n_jobs", "progress", "tasks")}
        fields = {
            **params,
            "dtype": str(draft.settings.dtype),
            "tasks": [[task.name, task.extractor.name, dict(task.options)] for task in draft.tasks],
            "label_columns": {
                c.name: [draft.label_columns[c.name].to_dict(), digest_of(c.array)] for c in self.columns
            },
            "shape of X": [self.source.n, *self.source.first.shape[1:]],
            "dtype of X": self.source.first.dtype.str,
            "version of auxtasks": __version__,
        }
        if self.main:
            fields["y"] = {output: digest_of(labels) for output, labels in self.main.items()}
        if self.course is not None:
            classes = {name: each.names for name, each in zip(self.course.names, self.course.outputs, strict=True)}
            fields["soft_labels"] = [classes, without_objects(draft.params["tasks"])]
        found: dict[str, Any] = json.loads(json.dumps(fields, default=plain))
        return found


@dataclass(frozen=True, eq=False)
class _Everything:
    """All samples, in the blocks in which a teacher is asked about them."""

    source: Source
    draft: Fitted
    rows: int  # of a chunk

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        for start, block in self.source.blocks(self.rows):
            samples = _samples_of(block, self.draft)
            yield from InBlocks(samples, block_rows(samples), start)


def _counted(block: Array, draft: Fitted, number: Callable[[int], int]) -> Dense:
    """Check some samples, with errors that name them by their numbers among all."""
    try:
        return _samples_of(block, draft)
    except InvalidInputError as error:
        counted = re.sub(r"`X\[(\d+)\]", lambda found: f"`X[{number(int(found[1]))}]", str(error), count=1)
        raise InvalidInputError(counted) from error


def _samples_of(block: Array, draft: Fitted) -> Dense:
    # Of texts and of series of different lengths there are none here.
    return cast("Dense", draft.read(dense(block, draft.domain)))


INPUTS = "inputs.npy"


@dataclass(frozen=True)
class TargetFile:
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
                "first; with `save_to` its shape must not depend on the number or the choice of samples."
            )
        return array

    def layout(self, scaling: Scaling | None = None) -> RowLayout:
        """Tell where the rows are in its file, or in that of the scaled values."""
        shape = self.row_shape if scaling is None else (*self.row_shape[:-1], len(scaling.kept))
        return RowLayout(shape, self.dtype)

    def open(self, folder: Path, scaling: Scaling | None = None) -> RowFile:
        return RowFile(folder / (self.file if scaling is None else self.final), self.layout(scaling))

    def raw(self, array: Array) -> RawTarget:
        return RawTarget(self.target or "", self.kind, self.natural, array)


def _parts_of(first: Computed, *, taught: Container[str], scale: bool, with_inputs: bool) -> tuple[TargetFile, ...]:
    parts = []
    for i, (name, target) in enumerate(first.targets.items()):
        final = f"target_{i:03d}.npy"
        file = f"raw_{i:03d}.npy" if scale and target.kind in NUMERIC_KINDS and name not in taught else final
        row_shape, dtype = target.array.shape[1:], target.array.dtype
        parts.append(TargetFile(name, target.kind, target.natural, file, final, row_shape, dtype))
    if with_inputs:
        parts.append(TargetFile(None, "vector", (), INPUTS, INPUTS, first.inputs.shape[1:], first.inputs.dtype))
    return tuple(parts)
