"""Making targets on disk: what is there is gone on with, and what is finished appears under its name as a whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from auxtasks.disk.changes import InputsChangedError, check_made_of
from auxtasks.disk.chunks import fill
from auxtasks.disk.door import job_of
from auxtasks.disk.finishing import INCOMPLETE, finish, finished_files, wanted_parts
from auxtasks.disk.job import Job
from auxtasks.disk.journal import Journal
from auxtasks.disk.lock import LOCK, locked
from auxtasks.disk.parts import INPUTS
from auxtasks.disk.space import open_files, sync_folder, told_if_full
from auxtasks.errors import InvalidTypeError, StorageError
from auxtasks.targets.generator import AuxTargetGenerator
from auxtasks.targets.loading import load_targets
from auxtasks.targets.mapping import AuxTargets
from auxtasks.targets.state import plain
from auxtasks.targets.storage import DESCRIPTION, JOURNAL, PARTIAL, check_replaceable


def make_on_disk(
    X: object, generator: AuxTargetGenerator, given: Mapping[str, object] | None, out: object, *, overwrite: bool
) -> AuxTargets:
    """Make targets on disk; see `auxtasks.make_aux_targets`.

    Parameters
    ----------
    X : array-like or iterable of batches
        The inputs.
    generator : AuxTargetGenerator
        With the user's parameters; not fitted.
    given : mapping of str to array-like, optional
        Label columns.
    out : path-like
        The folder to be made.
    overwrite : bool
        Whether to replace what is there.

    Returns
    -------
    AuxTargets
        Whose arrays stay on disk until they are read.

    Raises
    ------
    StorageError
        If something else is there, the disk is full, or another process writes there.
    AuxTasksError
        If inputs or parameters cannot be used.
    """
    if not isinstance(out, (str, os.PathLike)):
        raise InvalidTypeError(f"`out` must be a path; got {out!r} of type {type(out).__name__}.")
    path = Path(os.path.abspath(out))  # noqa: PTH100 (keeps links as they are)
    job = job_of(X, generator, given)
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


def _loaded(job: Job, path: Path) -> AuxTargets:
    targets = load_targets(path)
    if any(part.target is None for part in job.parts):
        return targets
    return AuxTargets(dict(targets), targets.generator, job.source.inputs, targets.n_original)
