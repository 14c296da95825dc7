"""Fitting and scaling targets that lie in files, to the last bit as if they were in memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from math import prod
from typing import cast

import numpy as np

from auxtasks.compute.task import Task
from auxtasks.disk.journal import Journal
from auxtasks.disk.parts import Part
from auxtasks.disk.rows import RowFile, digest_of
from auxtasks.inputs.chunks import row_slices
from auxtasks.scaling.scaling import Scaling
from auxtasks.scaling.seen import Numbers, Seen, see
from auxtasks.typing import Array


def see_rows(task: Task, part: Part, rows: RowFile, *, scale: bool) -> Seen:
    """Collect what the values of a target tell; see `auxtasks.scaling.seen.see`.

    Parameters
    ----------
    task : Task
        What was computed.
    part : Part
        Where.
    rows : RowFile
        Its values.
    scale : bool
        Whether numbers are to be scaled.

    Returns
    -------
    Seen
        As of the same values in memory: merged block by block in the very order in which `see` goes through these.
    """
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
    """Write the scaled values of a target, but for blocks that are there already.

    Parameters
    ----------
    part : Part
        The target.
    scaling : Scaling
        How it is scaled.
    raw : RowFile
        Its values in its own units.
    final : RowFile
        Where they go.
    journal : Journal
        What is finished.
    chunk : int
        About how many bytes to write at once.
    """
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
    """Tell whether a block is finished, with the checksum it was written with.

    Parameters
    ----------
    rows : RowFile
        The file.
    journal : Journal
        What is finished.
    name : str
        The file's name in it.
    start, stop : int
        The rows.

    Returns
    -------
    bool
        False also where the block was damaged since.
    """
    known = journal.known(name, start)
    return known is not None and known[0] == stop and rows.holds(start, stop, known[1])
