"""Tasks that cut what is to be predicted off the inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auxtasks.compute.call import call_pair
from auxtasks.compute.raw import RawTarget, make_room
from auxtasks.compute.task import Task
from auxtasks.errors import InvalidInputError
from auxtasks.inputs.samples import Ragged, Samples


def shorten(samples: Samples, task: Task, dtype: np.dtype[np.floating]) -> tuple[Samples, RawTarget]:
    """Apply a task that cuts its target off the inputs.

    Parameters
    ----------
    samples : Dense or Ragged
        The inputs.
    task : Task
        A task whose effect is ``"shortens"``.
    dtype : dtype
        The dtype of targets made of numbers.

    Returns
    -------
    samples : Dense or Ragged
        The shortened inputs, in the dtype of the inputs; a view of them where possible.
    target : RawTarget
        What was cut off.

    Raises
    ------
    InvalidInputError
        If a result does not have one row per sample.

    Examples
    --------
    >>> from auxtasks.inputs.read import read_inputs
    >>> from auxtasks.compute.tasklist import parse_tasks
    >>> task, = parse_tasks("signal", {"next_steps": {"horizon": 1}})
    >>> shorter, target = shorten(read_inputs([[1.0, 2.0, 3.0]], "signal"), task, np.dtype("float32"))
    >>> shorter.inputs, target.array
    (array([[1., 2.]]), array([[3.]], dtype=float32))
    """
    if isinstance(samples, Ragged):
        return _shorten_series(samples, task, dtype)
    # Where nothing has to be converted, one call gives a view, and no copy of the inputs is made.
    first, *others = [slice(0, samples.n)] if samples.readable_at_once else samples.chunks()
    layout, result = call_pair(task, samples.read(first))
    target = make_room(task, result, samples, dtype)
    target.write(first, result)
    if not samples.readable_at_once:
        head, layout = layout, np.empty((samples.n, *layout.shape[1:]), samples.native_dtype)
        layout[first] = head
    for rows in others:
        layout[rows], result = call_pair(task, samples.read(rows))
        target.write(rows, result)
    return samples.changed(layout), target


def _shorten_series(samples: Ragged, task: Task, dtype: np.dtype[np.floating]) -> tuple[Ragged, RawTarget]:
    series = list(samples.series)
    target: RawTarget | None = None
    for rows in samples.chunks():
        shorter, result = call_pair(task, samples.read(rows))
        target = target or make_room(task, result, samples, dtype)
        target.write(rows, result)
        for row, cut in zip(samples.indices(rows), shorter, strict=True):
            series[row] = cut
    if target is None:
        raise InvalidInputError(f"task {task.name!r} was given no samples.")
    # The padding shrinks with the series, also where it reaches beyond the longest of these.
    cut_off = max(map(len, samples.series)) - max(map(len, series))
    return replace(samples, series=tuple(series), length=samples.length - cut_off), target
