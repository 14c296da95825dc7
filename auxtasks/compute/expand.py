"""Tasks that add transformed copies of the inputs."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np

from auxtasks.compute.call import call_pair
from auxtasks.compute.raw import RawTarget, make_room
from auxtasks.compute.task import Task
from auxtasks.inputs.samples import Dense, Samples
from auxtasks.typing import Array


def expand(samples: Samples, task: Task, seed: int, dtype: np.dtype[np.floating]) -> tuple[Samples, RawTarget]:
    """Apply a task that adds a transformed copy of every sample.

    Parameters
    ----------
    samples : Dense or Ragged
        The inputs.
    task : Task
        A task whose effect is ``"expands"``.
    seed : int
        Where the draws come from: the same seed and inputs give the same copies.
    dtype : dtype
        The dtype of targets made of numbers.

    Returns
    -------
    samples : Dense or Ragged
        The originals, then the copies.
    target : RawTarget
        Class 0 for the originals, and the classes of the copies.

    Raises
    ------
    InvalidInputError
        If the copies do not have the shape of the samples.

    Examples
    --------
    >>> from auxtasks.inputs.read import read_inputs
    >>> from auxtasks.compute.tasklist import parse_tasks
    >>> task, = parse_tasks("signal", {"transform": {"transformations": ["time_reversal"]}})
    >>> both, target = expand(read_inputs([[1.0, 2.0, 3.0]], "signal"), task, 0, np.dtype("float32"))
    >>> both.inputs, target.array
    (array([[1., 2., 3.],
           [3., 2., 1.]]), array([0, 1], dtype=int32))
    """
    # The name of the task keeps these draws apart from others that are made with the same seed.
    rng = np.random.default_rng([seed, zlib.crc32(task.task.encode())])
    n = samples.n
    if isinstance(samples, Dense):
        copies, classes = call_pair(task, samples.read(slice(0, n)), rng)
        layout = np.empty((2 * n, *samples.row_shape), _dtype_for(samples, copies))
        layout[:n] = samples.layout
        layout[n:] = copies
        expanded: Samples = samples.changed(layout)
    else:
        added: list[Array] = list(samples.series)
        classes = np.empty(n, np.int32)
        for rows in samples.groups():
            copies, classes[rows] = call_pair(task, samples.read(rows), rng)
            for row, copy in zip(rows, copies, strict=True):
                added[row] = copy
        expanded = replace(samples, series=(*samples.series, *added))
    target = make_room(task, classes, expanded, dtype)
    target.write(slice(0, n), np.zeros(n, np.int32))
    target.write(slice(n, 2 * n), classes)
    return expanded, target


def _dtype_for(samples: Dense, copies: Array) -> np.dtype[np.generic]:
    """Keep the user's dtype, unless it is one of integers and the copies are not."""
    user = samples.native_dtype
    if user.kind == "f":
        return user
    with np.errstate(invalid="ignore"):
        return user if np.array_equal(copies.astype(user), copies) else samples.compute
