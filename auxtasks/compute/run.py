"""Running extractors: every task on one chunk while the chunk is in the cache."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from auxtasks.compute.call import call
from auxtasks.compute.raw import RawTarget, make_room
from auxtasks.compute.task import Task
from auxtasks.errors import AuxTasksWarning
from auxtasks.inputs.chunks import for_each
from auxtasks.inputs.samples import Blocks, Rows


def compute(
    samples: Blocks, tasks: Sequence[Task], dtype: np.dtype[np.floating], *, n_jobs: int = 1, progress: bool = False
) -> dict[str, RawTarget]:
    """Compute the targets of tasks that leave the inputs as they are.

    Parameters
    ----------
    samples : Dense, Ragged or Documents
        The inputs that the model will see.
    tasks : sequence of Task
        What to compute.
    dtype : dtype
        The dtype of targets made of numbers.
    n_jobs : int
        How many threads; the result does not depend on it.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    dict of str to RawTarget
        By the name of the task. Memory beyond these does not grow with the number of samples.

    Raises
    ------
    InvalidInputError
        If the result of a task is not laid out as its kind says.

    Warns
    -----
    AuxTasksWarning
        If values are too large for `dtype`; they become missing.

    Examples
    --------
    >>> from auxtasks.inputs.read import read_inputs
    >>> from auxtasks.compute.tasklist import parse_tasks
    >>> samples = read_inputs([[1.0, 3.0], [2.0, 2.0]], "signal")
    >>> compute(samples, parse_tasks("signal", "std"), np.dtype("float32"))["std"].array
    array([[1.],
           [0.]], dtype=float32)
    """
    if not tasks:
        return {}
    first, *others = samples.chunks()
    X = samples.read(first)
    rooms: list[RawTarget] = []
    too_large = 0
    for task in tasks:
        result = call(task, X)
        rooms.append(make_room(task, result, samples, dtype))
        too_large += rooms[-1].write(first, result, samples)

    def run(rows: Rows) -> int:
        X = samples.read(rows)
        return sum(room.write(rows, call(task, X), samples) for task, room in zip(tasks, rooms, strict=True))

    too_large += sum(for_each(run, others, n_jobs=n_jobs, progress=progress))
    if too_large:
        warnings.warn(
            f"{too_large} values of the targets {', '.join(task.name for task in tasks)} are too large for {dtype} "
            "and count as missing; rescale the inputs, or use dtype='float64'.",
            AuxTasksWarning,
            stacklevel=2,
        )
    return {room.name: room for room in rooms}
