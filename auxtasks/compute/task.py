"""One target to be made: what is declared of it, with its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from auxtasks.registry import Effect, Extractor
from auxtasks.specs import Kind, Place


@dataclass(frozen=True)
class Task:
    """One target to be made: a registered task with its options, or a column that the user gives.

    Parameters
    ----------
    name : str
        The key of the target.
    task : str
        The registered task; ``"given"`` for a column of labels.
    kind : str or None
        The kind of the target, None where the inputs decide.
    effect, log1p, place, axes
        As `auxtasks.registry.Extractor` has them.
    classes : tuple of str
        The names of the classes.
    columns : tuple of str
        The names of the columns, where they do not follow from `axes`.
    options : mapping
        All options of the task, defaults included.
    function : callable or None
        The extractor's function; None for a given column.
    """

    name: str
    task: str
    kind: Kind | None
    effect: Effect = "none"
    log1p: bool = False
    place: Place = "global"
    axes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    function: Callable[..., Any] | None = None


def from_extractor(extractor: Extractor, name: str, options: Mapping[str, Any]) -> Task:
    """Make a task from its extractor.

    Parameters
    ----------
    extractor : Extractor
        The registered task.
    name : str
        The key of the target.
    options : mapping
        The options given; the others take their defaults.

    Returns
    -------
    Task
        With lists among the options turned into tuples, so that they compare equal after a round trip through JSON.

    Raises
    ------
    UnknownNameError
        If the task has no such option.

    Examples
    --------
    >>> from auxtasks.registry import find_task
    >>> from_extractor(find_task("std", "signal"), "spread", {}).task
    'std'
    """
    complete = {key: frozen(value) for key, value in extractor.with_defaults(options).items()}
    classes = () if extractor.classes is None else tuple(map(str, extractor.classes(complete)))
    e = extractor
    return Task(name, e.name, e.kind, e.effect, e.log1p, e.place, e.axes, classes, (), complete, e.function)


def frozen(value: Any) -> Any:
    """Turn lists into tuples, at every depth.

    Parameters
    ----------
    value : object
        The value of an option.

    Returns
    -------
    object
        The same; what is no list or tuple is passed on.

    Examples
    --------
    >>> frozen([1, [2, "a"]])
    (1, (2, 'a'))
    """
    return tuple(map(frozen, value)) if isinstance(value, (list, tuple)) else value
