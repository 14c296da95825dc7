"""The door: a call is checked, and its first sample computed, before a file is made."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sized
from dataclasses import replace
from math import prod

from auxtasks.compute.given_columns import check_names, encode_given, fit_columns
from auxtasks.compute.pipeline import Computed
from auxtasks.compute.settings import checked_settings
from auxtasks.compute.task import Task
from auxtasks.compute.tasklist import parse_tasks
from auxtasks.disk.job import Job, samples_of
from auxtasks.disk.parts import Part, parts_of
from auxtasks.disk.sources import source_of
from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.inputs.chunks import row_slices
from auxtasks.inputs.samples import Dense
from auxtasks.targets.generator import AuxTargetGenerator
from auxtasks.typing import Array

CHUNK_BYTES = 32 * 1024 * 1024
"""Inputs or targets of a chunk, whichever take more: what is computed, written and noted down at once."""
_LEAST_BYTES = 256
"""What a sample counts at least: batches of very small ones take far more than their numbers until they are joined."""


def job_of(X: object, generator: AuxTargetGenerator, given: Mapping[str, object] | None) -> Job:
    """Check everything there is to check before inputs are gone through, and compute the first sample.

    Parameters
    ----------
    X : array-like or iterable of batches
        The inputs.
    generator : AuxTargetGenerator
        With the user's parameters.
    given : mapping of str to array-like, optional
        Label columns.

    Returns
    -------
    Job
        What to do.

    Raises
    ------
    AuxTasksError
        If a parameter, a task or the first sample cannot be used.

    Examples
    --------
    >>> [part.file for part in job_of([[1.0, 2.0]], AuxTargetGenerator("signal", "std"), None).parts]
    ['raw_000.npy']
    """
    settings = checked_settings(generator.get_params())
    check_names(given, None)
    tasks = parse_tasks(generator.domain, generator.tasks, given or ())
    _refuse(generator, tasks)
    source = source_of(X, generator.domain)
    samples = samples_of(source.first, generator, settings)
    columns = dict(given or {})
    # How many samples batches hold is seen at their end; until then it is believed to be as many as there are labels.
    n = source.n or max((len(values) for values in columns.values() if isinstance(values, Sized)), default=0)
    fitted = fit_columns(columns, n)
    encoded = encode_given(fitted, columns, n, None, settings.dtype)
    job = Job(source, generator, settings, tasks, fitted, encoded, samples)
    with warnings.catch_warnings():
        # Computed again with the first chunk, which says what there is to say.
        warnings.simplefilter("ignore", AuxTasksWarning)
        first = job.compute(0, source.first)
    changes = any(task.effect == "shortens" for task in tasks)
    parts = parts_of(first, scale=settings.scale, with_inputs=source.inputs is None or changes)
    return replace(job, parts=parts, rows=_rows(first, parts, source.first, samples))


def _refuse(generator: AuxTargetGenerator, tasks: tuple[Task, ...]) -> None:
    memory = "make the targets in memory and save them with `AuxTargets.save`"
    if generator.domain == "text" or any(task.fit for task in tasks):
        raise InvalidInputError(f"`out`: texts are tagged and numbered as a whole; {memory}.")
    adding = [task.name for task in tasks if task.effect == "expands"]
    if adding:
        raise InvalidInputError(
            f"`out`: {', '.join(map(repr, adding))} draws at random over all samples at once and cannot be computed in "
            f"chunks; leave it out, or {memory}."
        )


def _rows(first: Computed, parts: tuple[Part, ...], one: Array, samples: Dense) -> int:
    """Choose how many samples a chunk has: whole blocks of those in which targets are computed in memory.

    Sums over many samples at once may round otherwise where blocks are cut otherwise, and the result is to be the same.
    """
    bytes_per_row = prod(first.inputs.shape[1:]) * samples.compute.itemsize
    block: int = next(row_slices(1 << 62, bytes_per_row)).stop
    largest = max(_LEAST_BYTES, one.nbytes, sum(part.row_bytes for part in parts))
    return block * max(1, CHUNK_BYTES // (block * largest))
