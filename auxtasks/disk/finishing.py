"""The second pass: targets are fitted, scaled and described."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from auxtasks.disk.job import Job
from auxtasks.disk.journal import Journal
from auxtasks.disk.parts import Part
from auxtasks.disk.rows import RowFile
from auxtasks.disk.scaling import holds, scale_rows, scaled_blocks, see_rows
from auxtasks.disk.space import sync_folder
from auxtasks.scaling.fit import fit_targets
from auxtasks.scaling.scaling import Scaling
from auxtasks.targets.state import to_state
from auxtasks.targets.storage import DESCRIPTION, described

INCOMPLETE = DESCRIPTION + ".incomplete"
SCALED_BYTES = 8 * 1024 * 1024
"""What is scaled at once."""


def wanted_parts(job: Job, journal: Journal, folder: Path) -> list[Part]:
    """Tell which of the unscaled files are still needed: not those whose scaled file is finished, or that are left out.

    Parameters
    ----------
    job : Job
        What to do.
    journal : Journal
        What is finished.
    folder : Path
        Where.

    Returns
    -------
    list of Part
        All of them until targets are fitted.
    """
    if journal.fitted is None or journal.n is None:
        return list(job.parts)
    whole = dict(finished_files(job, journal, folder, journal.n))
    left_out = {part.target for part in job.parts if part.target} - {spec["name"] for spec in journal.fitted["specs"]}
    scaled = {part.final for part in job.parts if part.file != part.final and whole.get(part.final)}
    return [part for part in job.parts if part.target not in left_out and part.final not in scaled]


def finished_files(job: Job, journal: Journal, folder: Path, n: int) -> Iterator[tuple[str, bool]]:
    """Tell of each file of the result whether all of it has the checksums that it was written with.

    Parameters
    ----------
    job : Job
        What to do.
    journal : Journal
        What is finished; targets must be fitted.
    folder : Path
        Where.
    n : int
        The number of samples.

    Yields
    ------
    (str, bool)
        The name of the file.
    """
    for part, scaling in _kept(job, journal):
        blocks = scaled_blocks(part, n, SCALED_BYTES) if scaling else _chunks(n, job.rows)
        if not (folder / part.final).exists():
            yield part.final, False
            continue
        with _final(part, scaling, folder) as rows:
            yield part.final, all(holds(rows, journal, part.final, *block) for block in blocks)


def finish(job: Job, files: Mapping[str, RowFile], journal: Journal, folder: Path, n: int) -> None:
    """Fit and scale targets whose values are there, and describe them; the description comes last.

    Parameters
    ----------
    job : Job
        What to do.
    files : mapping of str to RowFile
        The unscaled files that are needed.
    journal : Journal
        What is finished.
    folder : Path
        Where.
    n : int
        The number of samples.
    """
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
    """Fit as `AuxTargetGenerator` does, and return its state."""
    scale, samples = job.settings.scale, job.samples
    every = (*job.tasks, *(column.task for column in job.columns))
    parts = {part.target: part for part in job.parts}
    seen = {task.name: see_rows(task, parts[task.name], files[parts[task.name].file], scale=scale) for task in every}
    specs, scalings = fit_targets(every, seen, scale=scale, compute=samples.compute)
    generator = copy.copy(job.generator)
    generator._learned(
        tasks=job.tasks,
        given=job.given,
        specs=specs,
        scalings=scalings,
        shapes={part.target: part.natural for part in job.parts if part.target},
        row_shape=samples.row_shape,
        channel_added=samples.add_channel,
        length=None,
        texts=None,
    )
    return to_state(generator)


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
