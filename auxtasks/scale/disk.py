"""Making targets on disk: what is there is gone on with, and what is finished appears under its name as a whole."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from math import ceil, prod
from pathlib import Path
from typing import Any, cast

import numpy as np

from auxtasks._version import __version__
from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError, StorageError
from auxtasks.optional import shown
from auxtasks.scale.disk_files import (
    INPUT,
    LOCK,
    InputsChangedError,
    Journal,
    RowFile,
    check_made_of,
    check_same_values,
    digest_of,
    locked,
)
from auxtasks.scale.sources import Source, dense, source_of
from auxtasks.specs import NUMERIC_KINDS, Kind
from auxtasks.storage import DESCRIPTION, JOURNAL, PARTIAL, check_replaceable, described, read_targets
from auxtasks.targets.computing import Computed, compute_all
from auxtasks.targets.fitted import Fitted, Made, plain
from auxtasks.targets.given import fit_columns
from auxtasks.targets.raw import RawTarget
from auxtasks.targets.samples import Dense, row_slices
from auxtasks.targets.scaling import Scaling
from auxtasks.targets.statistics import Numbers, Seen, see
from auxtasks.targets.tasks import Task
from auxtasks.typing import Array


def make_on_disk(
    X: object, params: Mapping[str, Any], given: Mapping[str, object] | None, out: object, *, overwrite: bool
) -> tuple[Fitted, Made]:
    """Make targets on disk; see `auxtasks.make_aux_targets`."""
    if not isinstance(out, (str, os.PathLike)):
        raise InvalidTypeError(f"`out` must be a path; got {out!r} of type {type(out).__name__}.")
    path = Path(os.path.abspath(out))  # noqa: PTH100 (keeps links as they are)
    job = job_of(X, Fitted.begun(params, given), given)
    made_of = json.loads(json.dumps(job.made_of(), default=plain))
    if os.path.lexists(path) and not overwrite:
        _check_finished(job, made_of, path)
        return _loaded(job, path)
    check_replaceable(path, overwrite=overwrite, argument="out")
    partial = path.with_name(path.name + PARTIAL)
    with told_if_full(path.parent), locked(partial):
        try:
            _write(*_begun(job, made_of, partial, overwrite), partial)
        except InputsChangedError as error:
            if not overwrite:
                raise
            (partial / JOURNAL).unlink()
            if job.source.once:
                raise StorageError(
                    "`out`: the unfinished targets there were made of other inputs, and are thrown away now, as "
                    "overwrite=True says. `X` was read for that and can be read only once: make the same call with it "
                    "made anew."
                ) from error
            _write(*_begun(job, made_of, partial, overwrite), partial)
        _move(partial, path)
    return _loaded(job, path)


def _begun(job: Job, made_of: dict[str, Any], folder: Path, overwrite: bool) -> tuple[Job, Journal]:
    """Go on with the run that was begun in a folder, or begin one."""
    journal = Journal(folder / JOURNAL)
    if journal.header is not None:
        try:
            check_made_of(journal.header["made_of"], made_of)
        except StorageError:
            if not overwrite:
                raise
        else:
            journal.repair()
            return replace(job, rows=journal.header["rows"]), journal
    for found in folder.iterdir():
        if found.name == LOCK:
            continue
        if not _ours(found.name):
            raise StorageError(f"`out`: {found} is in the way, which was not written by auxtasks; choose another path.")
        found.unlink()
    journal = Journal(folder / JOURNAL)
    journal.begin({"rows": job.rows, "made_of": made_of})
    return job, journal


def _ours(name: str) -> bool:
    numbered = name.startswith(("raw_", "target_")) and name.endswith(".npy")
    return numbered or name in (JOURNAL, DESCRIPTION, INPUTS, INCOMPLETE)


def _write(job: Job, journal: Journal, folder: Path) -> None:
    with open_files(folder, wanted_parts(job, journal, folder), job.source.n) as files:
        n = fill(job, files, journal)
        finish(job, files, journal, folder, n)


def _move(partial: Path, path: Path) -> None:
    """Give a finished folder its name; there is no moment at which half of it has that name."""
    if path.exists():
        shutil.rmtree(_replaced(path), ignore_errors=True)
        path.replace(_replaced(path))
    partial.replace(path)
    sync_folder(path.parent)
    _tidy(path)


def _tidy(path: Path) -> None:
    """Take away what is of no use any more once a folder has its name."""
    shutil.rmtree(_replaced(path), ignore_errors=True)
    (path / LOCK).unlink(missing_ok=True)


def _replaced(path: Path) -> Path:
    return path.with_name(path.name + PARTIAL + ".replaced")


def _check_finished(job: Job, made_of: dict[str, Any], path: Path) -> None:
    """Refuse what is there unless it is what this call would make."""
    journal = Journal(path / JOURNAL) if (path / DESCRIPTION).is_file() else None
    if journal is None or journal.header is None or journal.fitted is None:
        check_replaceable(path, overwrite=False, argument="out")
        return
    check_made_of(journal.header["made_of"], made_of)
    job = replace(job, rows=journal.header["rows"])
    n = fill(job, {}, journal)
    for name, whole in finished_files(job, journal, path, n):
        if not whole:
            raise StorageError(
                f"{path / name} does not have the checksums it was written with; pass overwrite=True to make it anew."
            )
    _tidy(path)


def _loaded(job: Job, path: Path) -> tuple[Fitted, Made]:
    fitted, made = read_targets(path)
    written = any(part.target is None for part in job.parts)
    return fitted, made if written else replace(made, inputs=job.source.inputs)


CHUNK_BYTES = 32 * 1024 * 1024
"""Inputs or targets of a chunk, whichever take more: what is computed, written and noted down at once."""
_LEAST_BYTES = 256
"""What a sample counts at least: batches of very small ones take far more than their numbers until they are joined."""


def job_of(X: object, draft: Fitted, given: Mapping[str, object] | None) -> Job:
    """Check everything there is to check before inputs are gone through, and compute the first sample."""
    _refuse(draft)
    source = source_of(X, draft.domain)
    samples = samples_of(source.first, draft)
    columns = dict(given or {})
    # How many samples batches hold is seen at their end; until then it is believed to be as many as there are labels.
    n = source.n or max((len(values) for values in columns.values() if isinstance(values, Sized)), default=0)
    draft = replace(draft, given=fit_columns(columns, n))
    job = Job(source, draft, draft.encoded(columns, n), samples)
    with warnings.catch_warnings():
        # Computed again with the first chunk, which says what there is to say.
        warnings.simplefilter("ignore", AuxTasksWarning)
        first = job.compute(0, source.first)
    changes = any(task.extractor.effect == "shortens" for task in draft.tasks)
    parts = parts_of(first, scale=draft.settings.scale, with_inputs=source.inputs is None or changes)
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
    bytes_per_row = prod(first.inputs.shape[1:]) * samples.compute.itemsize
    block: int = next(row_slices(1 << 62, bytes_per_row)).stop
    largest = max(_LEAST_BYTES, one.nbytes, sum(part.row_bytes for part in parts))
    return block * max(1, CHUNK_BYTES // (block * largest))


@dataclass(frozen=True)
class Job:
    """Inputs, and what is made of them.

    Parameters
    ----------
    source : Sliced or Batches
        The inputs.
    draft : Fitted
        The parameters, tasks and given columns; nothing is learned yet.
    columns : list of RawTarget
        The values of the given columns.
    samples : Dense
        The first sample, in the layout of extractors.
    parts : tuple of Part
        The files to be filled.
    rows : int
        How many samples a chunk has.
    """

    source: Source
    draft: Fitted
    columns: list[RawTarget]
    samples: Dense
    parts: tuple[Part, ...] = ()
    rows: int = 1

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
            samples = samples_of(block, self.draft)
        except InvalidInputError as error:
            counted = re.sub(r"`X\[(\d+)\]", lambda found: f"`X[{start + int(found[1])}]", str(error), count=1)
            raise InvalidInputError(counted) from error
        return compute_all(samples, self.draft.tasks, columns, replace(self.draft.settings, progress=False))

    def made_of(self) -> dict[str, Any]:
        """Return what decides the result, by the name of the argument."""
        draft = self.draft
        params = {name: value for name, value in draft.params.items() if name not in ("n_jobs", "progress", "tasks")}
        return {
            **params,
            "dtype": str(draft.settings.dtype),
            "tasks": [[task.name, task.extractor.name, dict(task.options)] for task in draft.tasks],
            "given": {c.name: [draft.given[c.name].to_dict(), digest_of(c.array)] for c in self.columns},
            "shape of X": [self.source.n, *self.source.first.shape[1:]],
            "dtype of X": self.source.first.dtype.str,
            "version of auxtasks": __version__,
        }


def samples_of(block: Array, draft: Fitted) -> Dense:
    """Read a block of inputs."""
    # Of texts and of series of different lengths there are none here.
    return cast("Dense", draft.read(dense(block, draft.domain)))


def fill(job: Job, files: Mapping[str, RowFile], journal: Journal) -> int:
    """Write what is missing of the unscaled targets, and see that the inputs are those of chunks that are there."""
    stop, told = 0, False
    total = None if job.source.n is None else ceil(job.source.n / job.rows)
    for start, block in shown(job.source.blocks(job.rows), total, job.draft.settings.progress, unit="chunk"):
        stop, digest = start + len(block), digest_of(block)
        before = journal.known(INPUT, start)
        if before not in (None, (stop, digest)) or (before is None and journal.fitted is not None):
            raise InputsChangedError(f"rows {start} to {stop} of `X`")
        bad = [name for name, rows in files.items() if not holds(rows, journal, name, start, stop)]
        # The first chunk is always computed: what it then gives tells whether the others still would be the same.
        if before is not None and not bad and start:
            continue
        computed, told = _computed(job, start, block, told)
        values = {part.file: part.values(computed) for part in job.parts}
        if before is not None:
            check_same_values(values, journal, start)
            _tell_damaged([name for name in bad if not files[name].new], start, stop)
        if bad:
            _write_chunks({name: values[name] for name in bad}, files, journal, (start, stop, digest))
    _check_end(job, journal, stop)
    return stop


def _write_chunks(
    values: Mapping[str, Array], files: Mapping[str, RowFile], journal: Journal, rows: tuple[int, int, str]
) -> None:
    start, stop, digest = rows
    for name, array in values.items():
        files[name].write(start, array)
    for name in values:
        files[name].sync()
    # Only what is on the disk is noted down, so that what is noted down is on the disk.
    journal.wrote(start, stop, {INPUT: digest, **{name: digest_of(array) for name, array in values.items()}})


def _computed(job: Job, start: int, block: Array, told: bool) -> tuple[Computed, bool]:
    """Compute a chunk, and pass on the first of the warnings that each chunk may give."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        computed = job.compute(start, block)
    for warning in caught:
        if not issubclass(warning.category, AuxTasksWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        elif not told:
            told = True
            text = f"rows {start} to {start + len(block)}: {warning.message} Later rows are not told of."
            warnings.warn(text, AuxTasksWarning, stacklevel=2)
    return computed, told


def _tell_damaged(names: list[str], start: int, stop: int) -> None:
    if names:
        warnings.warn(
            f"rows {start} to {stop} of {', '.join(names)} do not have the checksum they were written with, and are "
            "computed again; check the disk.",
            AuxTasksWarning,
            stacklevel=2,
        )


def _check_end(job: Job, journal: Journal, n: int) -> None:
    if journal.rows_of(INPUT) > n:
        raise InputsChangedError(f"`X` ends after {n} samples: its length")
    for column in job.columns:
        if len(column.array) != n:
            raise InvalidInputError(
                f"`given`: {column.name!r} has {len(column.array)} rows, and `X` has {n}; give one for each sample."
            )


INCOMPLETE = DESCRIPTION + ".incomplete"
SCALED_BYTES = 8 * 1024 * 1024
"""What is scaled at once."""


def wanted_parts(job: Job, journal: Journal, folder: Path) -> list[Part]:
    """Tell which unscaled files are still needed: not those whose scaled file is finished, or that are left out."""
    if journal.fitted is None or journal.n is None:
        return list(job.parts)
    whole = dict(finished_files(job, journal, folder, journal.n))
    left_out = {part.target for part in job.parts if part.target} - {spec["name"] for spec in journal.fitted["specs"]}
    scaled = {part.final for part in job.parts if part.file != part.final and whole.get(part.final)}
    return [part for part in job.parts if part.target not in left_out and part.final not in scaled]


def finished_files(job: Job, journal: Journal, folder: Path, n: int) -> Iterator[tuple[str, bool]]:
    """Tell of each file of the result whether all of it has the checksums that it was written with."""
    for part, scaling in _kept(job, journal):
        blocks = scaled_blocks(part, n, SCALED_BYTES) if scaling else _chunks(n, job.rows)
        if not (folder / part.final).exists():
            yield part.final, False
            continue
        with _final(part, scaling, folder) as rows:
            yield part.final, all(holds(rows, journal, part.final, *block) for block in blocks)


def finish(job: Job, files: Mapping[str, RowFile], journal: Journal, folder: Path, n: int) -> None:
    """Fit and scale targets whose values are there, and describe them; the description comes last."""
    if journal.fitted is None:
        journal.fit(_fitted(job, files), n)
    arrays: dict[str, Any] = {}
    for part, scaling in _kept(job, journal):
        with _final(part, scaling, folder) as final:
            if scaling is not None and part.file in files:
                scale_rows(part, scaling, files[part.file], final, journal, SCALED_BYTES)
            final.finish(n)
            shape = (n, *final.shape[1:])
        arrays[part.target or ""] = {"file": part.final, "shape": shape, "dtype": part.dtype.str}
        if scaling is not None:
            # What it is needed for is on the disk, and what comes next may need its place.
            (folder / part.file).unlink(missing_ok=True)
    kept = {fields["file"] for fields in arrays.values()}
    for part in job.parts:
        if part.final not in kept:
            (folder / part.file).unlink(missing_ok=True)
    inputs = arrays.pop("", None)
    text = described(journal.fitted or {}, n, arrays, inputs, None)
    with (folder / INCOMPLETE).open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    (folder / INCOMPLETE).replace(folder / DESCRIPTION)
    sync_folder(folder)


def _fitted(job: Job, files: Mapping[str, RowFile]) -> dict[str, Any]:
    """Fit as in memory, and return the state of that."""
    parts, scale = {part.target: part for part in job.parts}, job.draft.settings.scale
    seen = {
        task.name: see_rows(task, parts[task.name], files[parts[task.name].file], scale=scale)
        for task in job.draft.named
    }
    samples = job.samples
    fitted = job.draft.learned(seen, samples.compute, row_shape=samples.row_shape, channel_added=samples.add_channel)
    return fitted.to_state()


def _kept(job: Job, journal: Journal) -> Iterator[tuple[Part, Scaling | None]]:
    """Go through what the result holds, with the scaling of what is scaled."""
    state = journal.fitted or {"specs": [], "scalings": {}}
    names = {spec["name"] for spec in state["specs"]}
    for part in job.parts:
        if part.target is None or part.target in names:
            fields = state["scalings"].get(part.target) if part.target else None
            yield part, Scaling.from_dict(fields) if fields else None


def _final(part: Part, scaling: Scaling | None, folder: Path) -> RowFile:
    row_shape = part.row_shape if scaling is None else (*part.row_shape[:-1], len(scaling.kept))
    return RowFile(folder / part.final, row_shape, part.dtype)


def _chunks(n: int, rows: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + rows, n)) for start in range(0, n, rows))


def see_rows(task: Task, part: Part, rows: RowFile, *, scale: bool) -> Seen:
    """Collect what the values of a target tell; see `auxtasks.targets.statistics.see`."""
    # Read in slices of rows, as an array is.
    whole = part.raw(cast("Array", rows))
    if part.kind == "step_vector":
        return see(task, whole, scale=scale)
    blocks = row_slices(len(rows), 8 * prod(rows.shape[1:]))
    with np.errstate(over="ignore", invalid="ignore"):
        seen = reduce(Seen.merged, (see(task, part.raw(rows[block]), scale=scale) for block in blocks))
    if isinstance(seen.statistics, Numbers) and not np.isfinite(seen.statistics.moments.squares).all():
        # Too large a sum; this says so.
        return see(task, whole, scale=scale)
    return seen


def scale_rows(part: Part, scaling: Scaling, raw: RowFile, final: RowFile, journal: Journal, chunk: int) -> None:
    """Write the scaled values of a target, but for blocks that are there already."""
    for start, stop in scaled_blocks(part, len(raw), chunk):
        if not holds(final, journal, part.final, start, stop):
            values = scaling.apply(raw.read(start, stop), in_place=True)
            final.write(start, values)
            final.sync()
            journal.wrote(start, stop, {part.final: digest_of(values)})


def scaled_blocks(part: Part, n: int, chunk: int) -> Iterator[tuple[int, int]]:
    """Cut rows into the blocks that are scaled at once: whole ones of those that `Scaling.apply` goes through."""
    per_row = 8 * prod(part.row_shape)
    block = next(row_slices(1 << 62, per_row)).stop
    rows = block * max(1, chunk // (block * per_row))
    return ((start, min(start + rows, n)) for start in range(0, n, rows))


def holds(rows: RowFile, journal: Journal, name: str, start: int, stop: int) -> bool:
    """Tell whether a block is finished, with the checksum it was written with."""
    known = journal.known(name, start)
    return known is not None and known[0] == stop and rows.holds(start, stop, known[1])


_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def check_space(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot hold."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"`out`: {needed:,} bytes more are needed in {folder}, and {free:,} are free on its disk. Free some, "
            "choose another disk, or make fewer targets."
        )


@contextmanager
def told_if_full(folder: Path) -> Iterator[None]:
    """Say what to do when the disk is full, or a file may not grow."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        free = shutil.disk_usage(folder).free
        raise StorageError(
            f"`out`: the disk of {folder} is full, or a quota is reached ({error.strerror}; {free:,} bytes are free). "
            "What is finished is kept: free some space and make the same call again to go on, or delete the folder."
        ) from error


@contextmanager
def open_files(folder: Path, parts: Sequence[Part], n: int | None) -> Iterator[dict[str, RowFile]]:
    """Open the files of parts, with room for all rows where their number is known."""
    with ExitStack() as stack:
        files = {part.file: stack.enter_context(part.open(folder)) for part in parts}
        if n is not None:
            sizes = {name: rows.size_of(n) for name, rows in files.items()}
            scaled = [sizes[part.file] for part in parts if part.final != part.file]
            names = {*files, *(part.final for part in parts)}
            there = sum(512 * found.stat().st_blocks for found in folder.iterdir() if found.name in names)
            check_space(folder, sum(sizes.values()) + max(scaled, default=0) - there)
            for rows in files.values():
                rows.reserve(n)
        yield files


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


INPUTS = "inputs.npy"


@dataclass(frozen=True)
class Part:
    """What is written of a chunk to one file: a target as it is computed, or the inputs.

    Parameters
    ----------
    target : str or None
        The name of the target; None for the inputs.
    kind : str
        Its kind.
    natural : tuple of int
        The shape of one sample's values as the task gives them.
    file : str
        Where it is written.
    final : str
        Where it will be found: another file, if it is to be scaled.
    row_shape : tuple of int
        The shape of one row.
    dtype : dtype
        Of the values.
    """

    target: str | None
    kind: Kind
    natural: tuple[int, ...]
    file: str
    final: str
    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def row_bytes(self) -> int:
        """The bytes of one row."""
        return prod(self.row_shape) * self.dtype.itemsize

    def values(self, computed: Computed) -> Array:
        """Return what is to be written of a chunk; rows of another shape would shift all that come after them."""
        array = computed.inputs if self.target is None else computed.targets[self.target].array
        if array.shape[1:] != self.row_shape:
            raise InvalidInputError(
                f"task {self.target!r} gives shape {array.shape[1:]} for some samples and {self.row_shape} for the "
                "first; with `out` its shape must not depend on how many samples it is given, or which."
            )
        return array

    def open(self, folder: Path) -> RowFile:
        """Open its file."""
        return RowFile(folder / self.file, self.row_shape, self.dtype)

    def raw(self, array: Array) -> RawTarget:
        """Return some rows as a target."""
        return RawTarget(self.target or "", self.kind, self.natural, array)


def parts_of(first: Computed, *, scale: bool, with_inputs: bool) -> tuple[Part, ...]:
    """Tell which files there will be."""
    parts = []
    for i, (name, target) in enumerate(first.targets.items()):
        final = f"target_{i:03d}.npy"
        file = f"raw_{i:03d}.npy" if scale and target.kind in NUMERIC_KINDS else final
        row_shape, dtype = target.array.shape[1:], target.array.dtype
        parts.append(Part(name, target.kind, target.natural, file, final, row_shape, dtype))
    if with_inputs:
        parts.append(Part(None, "vector", (), INPUTS, INPUTS, first.inputs.shape[1:], first.inputs.dtype))
    return tuple(parts)
