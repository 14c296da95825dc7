"""Names of classes and columns that only the training data can tell."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from auxtasks.compute.task import Task
from auxtasks.errors import AuxTasksWarning
from auxtasks.inputs.samples import Blocks


def fit_names(tasks: Sequence[Task], samples: Blocks) -> tuple[Task, ...]:
    """Complete the tasks whose classes or columns depend on the training data.

    Parameters
    ----------
    tasks : sequence of Task
        What is to be computed.
    samples : Documents
        The training data; read as a whole, and only where a task asks for it.

    Returns
    -------
    tuple of Task
        The same tasks with their names, without those for which there is none.

    Warns
    -----
    AuxTasksWarning
        If a task is left out.

    Examples
    --------
    >>> fit_names([Task("a", "a", "vector")], None)[0].name
    'a'
    """
    return tuple(named for task in tasks if (named := _named(task, samples)) is not None)


def _named(task: Task, samples: Blocks) -> Task | None:
    if task.fit is None:
        return task
    names = task.fit(samples.read(slice(0, samples.n)), **task.options)
    if names:
        return task.named(names)
    warnings.warn(
        f"target {task.name!r} has no class on the training data and is left out: there is nothing to learn from it.",
        AuxTasksWarning,
        stacklevel=2,
    )
    return None
