"""The first pass: chunk by chunk, inputs are checked, targets computed, written and noted down."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import ceil

from auxtasks.compute.pipeline import Computed
from auxtasks.disk.changes import InputsChangedError, check_same_values
from auxtasks.disk.job import Job
from auxtasks.disk.journal import INPUT, Journal
from auxtasks.disk.rows import RowFile, digest_of
from auxtasks.disk.scaling import holds
from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.inputs.progress import shown
from auxtasks.typing import Array


def fill(job: Job, files: Mapping[str, RowFile], journal: Journal) -> int:
    """Write what is missing of the unscaled targets, and see that the inputs are those of chunks that are there.

    Parameters
    ----------
    job : Job
        What to do.
    files : mapping of str to RowFile
        The files that are wanted, by name; what is finished of them is read and compared with its checksum.
    journal : Journal
        What is finished.

    Returns
    -------
    int
        The number of samples.

    Raises
    ------
    AuxTasksError
        If inputs cannot be used, or are not those that finished chunks were made of.

    Warns
    -----
    AuxTasksWarning
        If a finished chunk was damaged, which is then computed again.
    """
    stop, told = 0, False
    total = None if job.source.n is None else ceil(job.source.n / job.rows)
    for start, block in shown(job.source.blocks(job.rows), total, job.settings.progress, unit="chunk"):
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
            _write({name: values[name] for name in bad}, files, journal, (start, stop, digest))
    _check_end(job, journal, stop)
    return stop


def _write(
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
                f"`given`: {column.task.name!r} has {len(column.array)} rows, and `X` has {n}; give one for each "
                "sample."
            )
