"""A fitted generator taken apart: some of its tasks, fitted as they are."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

from auxtasks.compute.task import Task
from auxtasks.errors import InvalidInputError

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator


def for_batches(generator: AuxTargetGenerator, way_out: str) -> AuxTargetGenerator:
    """Return a copy of a generator that no refit changes, if it can compute one batch at a time.

    Parameters
    ----------
    generator : AuxTargetGenerator
        The generator.
    way_out : str
        What to do with tasks that add samples.

    Returns
    -------
    AuxTargetGenerator
        The copy.

    Raises
    ------
    InvalidInputError
        If it is not fitted, or has a task that adds samples.

    Examples
    --------
    >>> import auxtasks
    >>> generator = auxtasks.AuxTargetGenerator("signal", "std").fit([[1.0, 2.0], [3.0, 3.0]])
    >>> for_batches(generator, "leave it out.")
    AuxTargetGenerator(domain='signal', tasks='std')
    """
    generator._checked_fitted()
    adding = [task.name for task in generator.tasks_ if task.effect == "expands"]
    if adding:
        raise InvalidInputError(
            f"`tasks`: {', '.join(map(repr, adding))} adds transformed copies to the samples, and a map over batches "
            f"gives as many samples as it takes; {way_out}"
        )
    return copy.copy(generator)


def with_tasks(generator: AuxTargetGenerator, wanted: Callable[[Task], bool]) -> AuxTargetGenerator:
    """Return a generator of some of the tasks, and of no given column, fitted as the whole.

    Parameters
    ----------
    generator : AuxTargetGenerator
        Fitted.
    wanted : callable
        Tells of a task whether to keep it. Tasks whose target was left out are kept only if they change the inputs.

    Returns
    -------
    AuxTargetGenerator
        A copy, whose `transform` gives the very targets of the whole generator.

    Examples
    --------
    >>> import auxtasks
    >>> generator = auxtasks.AuxTargetGenerator("signal", ["std", "mean"]).fit([[1.0, 2.0], [3.0, 3.0]])
    >>> list(with_tasks(generator, lambda task: task.name == "mean").transform([[0.0, 2.0]]))
    ['mean']
    """
    part = copy.copy(generator)
    part.tasks_ = tuple(
        task for task in generator.tasks_ if wanted(task) and (task.effect != "none" or task.name in generator.specs_)
    )
    part.given_ = {}
    names = {task.name for task in part.tasks_}
    part.specs_ = {name: spec for name, spec in generator.specs_.items() if name in names}
    return part
