"""Making targets on disk: what is there is gone on with, and what is finished appears under its name as a whole."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import reduce
from math import ceil, prod
from pathlib import Path
from typing import Any, cast

import numpy as np

from auxtasks.checksums import checksum, parsed_document
from auxtasks.errors import AuxTasksWarning, StorageError, warn_user
from auxtasks.files import LOCK, NEW, locked, read_regular, refuse_link, staged, told_as_storage_error
from auxtasks.folders import (
    JOURNAL,
    Blocks,
    arrays_in,
    begin_arrays,
    check_replaceable,
    clear_up,
    foreign_in,
    one_block,
    publish,
    read_folder,
    refuse_foreign,
)
from auxtasks.optional import shown
from auxtasks.scale.disk_files import (
    INPUT,
    InputsChangedError,
    Journal,
    RowFile,
    RowLayout,
    check_made_of,
    check_same_values,
    check_space,
    digest_of,
)
from auxtasks.scale.disk_job import Job, TargetFile, job_of, rows_at_once
from auxtasks.storage import DESCRIPTION, PARTIAL, described, journals_in, read_targets
from auxtasks.targets.computing import Computed
from auxtasks.targets.fitted import Fitted, TargetArrays
from auxtasks.targets.samples import row_slices
from auxtasks.targets.scaling import Scaling
from auxtasks.targets.state import plain, state_of
from auxtasks.targets.statistics import Numbers, TargetStatistics, see
from auxtasks.targets.tasks import Task
from auxtasks.typing import Array
from auxtasks.validation import check_path


def make_on_disk(
    X: object,
    params: Mapping[str, Any],
    label_columns: Mapping[str, object] | None,
    save_to: object,
    y: object = None,
    *,
    overwrite: bool,
) -> tuple[Fitted, TargetArrays]:
    path = Path(os.path.abspath(check_path("save_to", save_to)))  # noqa: PTH100 (keeps links as they are)
    job = job_of(X, Fitted.begun(params, label_columns, y), label_columns, y)
    partial = path.with_name(path.name + PARTIAL)
    with told_as_storage_error("save_to", path):
        there = (path / DESCRIPTION).is_file()
    if there and not overwrite:
        return _finished(job, path, partial)
    with ExitStack() as stack:
        with told_as_storage_error("save_to", path):
            stack.enter_context(locked(partial, wait=False, argument="save_to"))
        _check_partial(partial)
        if (path / DESCRIPTION).is_file() and not overwrite:
            # Another process finished it meanwhile.
            return _finished(job, path, partial)
        with told_as_storage_error("save_to", partial, _IF_FULL, below=(partial,)):
            done = _made(job, partial / NEW, path, overwrite=overwrite)
    return _loaded(done, read_targets(path, verify=False))


_IF_FULL = "Finished chunks are kept: free some space and repeat the same call to resume, or delete the folder."


def _made(job: Job, new: Path, path: Path, *, overwrite: bool) -> Job:
    """Make targets in a folder, or go on with what is there, and give them their name."""
    with staged(path, "save_to"):
        check_replaceable(path, DESCRIPTION, overwrite=overwrite, argument="save_to")
        _take_back(new, path)
    try:
        done, journal = _run(job, new, overwrite)
    except InputsChangedError as error:
        if not overwrite:
            raise
        shutil.rmtree(new)
        if job.source.once:
            raise StorageError(
                "`save_to`: the unfinished targets there were made of other inputs, and were removed "
                "(overwrite=True). `X` was read for this check and can be read only once: repeat the call with a new "
                "`X`."
            ) from error
        done, journal = _run(job, new, overwrite)
    with staged(path, "save_to"):
        check_replaceable(path, DESCRIPTION, overwrite=overwrite, argument="save_to")
        publish(journal.path.parent, path, DESCRIPTION, _described(done, journal))
    return done


def _run(job: Job, new: Path, overwrite: bool) -> tuple[Job, Journal]:
    """Go on with the run that was begun in a folder, or begin one; return the job with its teachers."""
    begun, made_of = [Journal(path) for path in journals_in(new.parent)], job.made_of()
    journal = next((each for each in begun if each.header), None)
    if journal is not None and not overwrite:
        check_made_of(journal.header["made_of"], made_of)
    if journal is not None and journal.header["made_of"] == made_of and len(begun) == 1:
        journal.repair()
    else:
        if new.exists():
            shutil.rmtree(new)
        journal = Journal(begin_arrays(new) / JOURNAL)
        journal.begin({"rows": job.rows, "made_of": made_of})
    job = replace(job, rows=journal.header["rows"]).taught()
    folder = journal.path.parent
    with _opened(folder, _wanted(job, journal, folder), job.source.n) as files:
        n = _fill(job, files, journal)
        _finish(job, files, journal, folder, n)
    return job, journal


def _finished(job: Job, path: Path, partial: Path) -> tuple[Fitted, TargetArrays]:
    """Return what is there if it is what this call would make, to the last bit."""
    found = read_targets(path, again="Pass overwrite=True to compute it again")
    saved = read_folder(path, DESCRIPTION, lambda saved: saved, str, "")
    journal = Journal(saved.arrays / JOURNAL)
    if not (journal.header and journal.fitted):
        check_replaceable(path, DESCRIPTION, overwrite=False, argument="save_to")
    check_made_of(journal.header["made_of"], job.made_of())
    job = replace(job, rows=journal.header["rows"]).taught()
    _fill(job, {}, journal)
    described: dict[str, Any] = json.loads(json.dumps(_described(job, journal), default=plain))
    changed = [name for name in described if described[name] != saved.fields.get(name)]
    if changed:
        raise StorageError(
            f"`save_to`: {saved.path} and the journal of the run differ in {', '.join(changed)}; pass overwrite=True "
            "to compute the targets again."
        )
    clear_up(path, DESCRIPTION)
    _clear_partial(partial)
    return _loaded(job, found)


def _loaded(job: Job, read: tuple[Fitted, TargetArrays]) -> tuple[Fitted, TargetArrays]:
    fitted, made = read
    written = any(part.target is None for part in job.parts)
    # Teachers are not on disk, and were fitted for this call.
    fitted = replace(fitted, teachers=job.draft.teachers)
    return fitted, made if written else replace(made, inputs=job.source.inputs)


@contextmanager
def _opened(folder: Path, parts: Sequence[TargetFile], n: int | None) -> Iterator[dict[str, RowFile]]:
    """Open the files of parts, with room for all rows where their number is known."""
    with ExitStack() as stack:
        files = {part.file: stack.enter_context(part.open(folder)) for part in parts}
        if n is not None:
            sizes = {name: rows.layout.size_of(n) for name, rows in files.items()}
            scaled = [sizes[part.file] for part in parts if part.final != part.file]
            names = {*files, *(part.final for part in parts)}
            there = sum(512 * found.stat().st_blocks for found in folder.iterdir() if found.name in names)
            check_space(folder, sum(sizes.values()) + max(scaled, default=0) - there)
            for rows in files.values():
                rows.reserve(n)
        yield files


def _fill(job: Job, files: Mapping[str, RowFile], journal: Journal) -> int:
    """Write what is missing of the unscaled targets, and see that the inputs are those of chunks that are there."""
    stop, told = 0, False
    total = None if job.source.n is None else ceil(job.source.n / job.rows)
    for start, block in shown(job.source.blocks(job.rows), total, job.draft.settings.progress, unit="chunk"):
        stop, digest = start + len(block), digest_of(block)
        before = journal.known(INPUT, start)
        changed = before not in (None, (stop, digest)) or job.seen.get(start, (stop, digest)) != (stop, digest)
        if changed or (before is None and journal.fitted):
            raise InputsChangedError(f"rows {start} to {stop} of `X`")
        bad = [name for name, rows in files.items() if not _holds(rows, journal, start, stop)]
        # The first chunk is always computed: what it then gives tells whether the others still would be the same.
        if before is not None and not bad and start:
            continue
        computed, told = _computed(job, start, block, told)
        values = {part.file: part.values(computed) for part in job.parts}
        if before is not None:
            check_same_values(values, journal, start)
            _tell_damaged([name for name in bad if not files[name].new], start, stop)
        if bad:
            _write(journal, (start, stop), [(files[name], values[name]) for name in bad], {INPUT: digest})
    if journal.rows_of(INPUT) > stop:
        raise InputsChangedError(f"`X` ends after {stop} samples: its length")
    job.check_columns(stop, ended=True)
    return stop


def _write(
    journal: Journal, block: tuple[int, int], written: Sequence[tuple[RowFile, Array]], digests: Mapping[str, str]
) -> None:
    """Write a block of some files; only what is on the disk is noted down, so that what is noted down is there."""
    for rows, values in written:
        rows.write(block[0], values)
    for rows, _ in written:
        rows.sync()
    journal.wrote(*block, {**digests, **{rows.path.name: digest_of(values) for rows, values in written}})


def _holds(rows: RowFile, journal: Journal, start: int, stop: int) -> bool:
    known = journal.known(rows.path.name, start)
    return known is not None and known[0] == stop and rows.holds(start, stop, known[1])


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
            text = f"rows {start} to {start + len(block)}: {warning.message} Later rows are not reported."
            warn_user(text)
    return computed, told


def _tell_damaged(names: list[str], start: int, stop: int) -> None:
    if names:
        warn_user(
            f"rows {start} to {stop} of {', '.join(names)} do not have the checksum they were written with, and are "
            "computed again; check the disk."
        )


SCALED_BYTES = 8 * 1024 * 1024
"""What is scaled at once."""


def _finish(job: Job, files: Mapping[str, RowFile], journal: Journal, folder: Path, n: int) -> None:
    if not journal.fitted:
        journal.fit(_fitted(job, files), n)
    kept = _kept(job, journal)
    for part, scaling in kept.items():
        with part.open(folder, scaling) as final:
            if scaling is not None and part.file in files:
                _scale(part, scaling, files[part.file], final, journal)
            final.finish(n)
        if scaling is not None:
            # What it is needed for is on the disk, and what comes next may need its place.
            (folder / part.file).unlink(missing_ok=True)
    for part in job.parts:
        if part not in kept:
            (folder / part.file).unlink(missing_ok=True)
    for name, labels in job.main_files.items():
        with RowFile(folder / name, RowLayout(labels.shape[1:], labels.dtype)) as rows:
            if not _holds(rows, journal, 0, len(labels)):
                _write(journal, (0, len(labels)), [(rows, labels)], {})
            rows.finish(len(labels))


def _described(job: Job, journal: Journal) -> dict[str, Any]:
    n, arrays, files = journal.n, {}, {JOURNAL: one_block(journal.path)}
    for part, scaling in _kept(job, journal).items():
        layout = part.layout(scaling)
        files[part.final] = _checksums(layout, journal, part.final, n)
        arrays[part.target or ""] = {"file": part.final, "shape": (n, *layout.row_shape), "dtype": part.dtype.str}
    main = []
    for output, (name, labels) in zip(job.main, job.main_files.items(), strict=True):
        files[name] = _checksums(RowLayout(labels.shape[1:], labels.dtype), journal, name, len(labels))
        main.append({"output": output, "file": name, "shape": labels.shape, "dtype": labels.dtype.str})
    inputs = arrays.pop("", None)
    return described(journal.fitted, n, arrays, inputs, None, main, files)


def _checksums(layout: RowLayout, journal: Journal, name: str, n: int) -> Blocks:
    header = layout.header(n)
    rows = [(layout.size_of(stop), said) for stop, said in journal.blocks(name)]
    return [(len(header), checksum(header)), *rows]


def _wanted(job: Job, journal: Journal, folder: Path) -> list[TargetFile]:
    """Tell which unscaled files are still needed: not those whose scaled file is finished, or that are left out."""
    if not journal.fitted:
        return list(job.parts)
    kept = _kept(job, journal)
    return [part for part, scaling in kept.items() if not (scaling and _is_whole(part, scaling, journal, folder))]


def _kept(job: Job, journal: Journal) -> dict[TargetFile, Scaling | None]:
    names = {spec["name"] for spec in journal.fitted["specs"]} | {None}
    scalings = {name: Scaling.from_dict(fields) for name, fields in journal.fitted["scalings"].items()}
    return {part: scalings.get(part.target) for part in job.parts if part.target in names}


def _is_whole(part: TargetFile, scaling: Scaling, journal: Journal, folder: Path) -> bool:
    """Tell whether all of a scaled file has the checksums that it was written with."""
    if not (folder / part.final).exists():
        return False
    with part.open(folder, scaling) as rows:
        return all(_holds(rows, journal, *block) for block in _blocks(journal.n, _scaled_rows(part)))


def _fitted(job: Job, files: Mapping[str, RowFile]) -> dict[str, Any]:
    parts, scale = {part.target: part for part in job.parts}, job.draft.settings.scale
    seen = {
        task.name: _see(task, parts[task.name], files[parts[task.name].file], scale=scale) for task in job.draft.named
    }
    samples = job.samples
    of_samples: dict[str, Any] = {"row_shape": samples.row_shape, "channel_added": samples.add_channel}
    return state_of(job.draft.learned(seen, samples.compute, job.draft.teachers, **of_samples))


def _see(task: Task, part: TargetFile, rows: RowFile, *, scale: bool) -> TargetStatistics:
    """Collect what the values of a target tell; see `auxtasks.targets.statistics.see`."""
    # Read in slices of rows, as an array is.
    whole = part.raw(cast("Array", rows))
    if part.kind == "step_vector":
        return see(task, whole, scale=scale)
    blocks = row_slices(len(rows), 8 * prod(rows.shape[1:]))
    with np.errstate(over="ignore", invalid="ignore"):
        seen = reduce(TargetStatistics.merged, (see(task, part.raw(rows[block]), scale=scale) for block in blocks))
    if isinstance(seen.statistics, Numbers) and not np.isfinite(seen.statistics.moments.squares).all():
        # Too large a sum; this says so.
        return see(task, whole, scale=scale)
    return seen


def _scale(part: TargetFile, scaling: Scaling, raw: RowFile, final: RowFile, journal: Journal) -> None:
    for block in _blocks(len(raw), _scaled_rows(part)):
        if not _holds(final, journal, *block):
            _write(journal, block, [(final, scaling.apply(raw.read(*block), in_place=True))], {})


def _scaled_rows(part: TargetFile) -> int:
    """Return how many rows are scaled at once: whole blocks of those that `Scaling.apply` goes through."""
    per_row = 8 * prod(part.row_shape)
    block = rows_at_once(per_row)
    return block * max(1, SCALED_BYTES // (block * per_row))


def _blocks(n: int, rows: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + rows, n)) for start in range(0, n, rows))


# The folder in which targets are made until they are finished: what is in it is auxtasks's own


def _check_partial(partial: Path) -> None:
    """Refuse a folder to work in that holds something else than an unfinished run."""
    refuse_link(partial, "save_to")
    if partial.exists() and not partial.is_dir():
        raise StorageError(f"`save_to`: {partial} exists and was not written by auxtasks; choose another path.")
    if partial.is_dir():
        refuse_foreign(partial, _foreign_in(partial), "save_to")


def _foreign_in(partial: Path) -> Iterator[Path]:
    new = partial / NEW
    yield from (found for found in sorted(partial.iterdir()) if found.name not in (LOCK, NEW) or found.is_symlink())
    if new.is_dir() and not new.is_symlink():
        runs = arrays_in(new)
        for found in sorted(new.iterdir()):
            if found not in runs and (found.name != DESCRIPTION or found.is_symlink()):
                yield found
        for run in runs:
            yield from foreign_in(run)
    elif new.exists():
        yield new


def _take_back(new: Path, path: Path) -> None:
    """Undo what a process did that was killed while it gave arrays their name, so that the run can go on."""
    try:
        name = parsed_document(read_regular(new / DESCRIPTION)).get("folder")
    except (OSError, ValueError):
        return
    for arrays in arrays_in(path):
        if arrays.name == name and not arrays_in(new):
            arrays.replace(new / arrays.name)


def _clear_partial(partial: Path) -> None:
    """Remove the folder if there is but the lock of a process that was killed at its end."""
    if partial.exists():
        with suppress(OSError), locked(partial, wait=False):
            (partial / NEW).rmdir()
