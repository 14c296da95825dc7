"""From what a user names as tasks to what is to be computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from auxtasks.compute.task import Task, from_extractor
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.registry import find_task, tasks_of

TaskNames = str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]


def parse_tasks(domain: str, tasks: TaskNames | None, given: Iterable[str] = ()) -> tuple[Task, ...]:
    """Read the ``tasks`` argument.

    Parameters
    ----------
    domain : str
        The domain the tasks are used in.
    tasks : str, mapping or sequence of these, optional
        Names, and mappings of a name to its options; with an option ``"task"`` the name is an alias. None stands for
        the defaults of the domain.
    given : iterable of str
        The names of the columns that the user gives, which must differ from those of the tasks.

    Returns
    -------
    tuple of Task
        In the order given.

    Raises
    ------
    UnknownNameError
        If a domain, task or option does not exist.
    InvalidTypeError
        If something is neither a name nor a mapping.
    InvalidInputError
        If a name occurs twice, if nothing is left to compute, or if two tasks change the inputs.

    Examples
    --------
    >>> [task.name for task in parse_tasks("signal", ["std", {"low": {"task": "fft", "n_coefficients": 5}}])]
    ['std', 'low']
    """
    given = list(given)
    available = tasks_of(domain)
    if tasks is None:
        # Where a user brings labels for a domain without tasks of its own, these are the point.
        own = [] if domain == "any" and given else [t for t in available.values() if t.domain == domain and t.default]
        named: list[tuple[str, Mapping[str, Any]]] = [(task.name, {}) for task in own]
    else:
        named = [pair for entry in _entries(tasks) for pair in _pairs(entry)]
    parsed = tuple(_task(name, dict(options), domain) for name, options in named)
    _check_distinct([task.name for task in parsed] + given)
    changing = [task.name for task in parsed if task.effect != "none"]
    if len(changing) > 1:
        raise InvalidInputError(
            f"`tasks`: {' and '.join(map(repr, changing))} each change the inputs, and only one task may; "
            "make targets with one of them."
        )
    return parsed


def _entries(tasks: object) -> list[object]:
    if isinstance(tasks, (str, Mapping)):
        return [tasks]
    if not isinstance(tasks, (list, tuple)):
        raise InvalidTypeError(
            f"`tasks` must be a list of names and of {{name: options}}; got {tasks!r} of type {type(tasks).__name__}."
        )
    return list(tasks)


def _pairs(entry: object) -> list[tuple[str, Mapping[str, Any]]]:
    pairs = [(entry, {})] if isinstance(entry, str) else list(entry.items()) if isinstance(entry, Mapping) else None
    if pairs is None:
        raise InvalidTypeError(
            f"`tasks` must hold names and {{name: options}}; got {entry!r} of type {type(entry).__name__}."
        )
    for name, options in pairs:
        if not isinstance(name, str) or not name or not isinstance(options, Mapping):
            raise InvalidTypeError(
                f"`tasks` must map a name to a mapping of options, such as {{'fft': {{'n_coefficients': 50}}}}; "
                f"got {{{name!r}: {options!r}}}."
            )
    return pairs


def _task(name: str, options: dict[str, Any], domain: str) -> Task:
    registered = options.pop("task", name)
    return from_extractor(find_task(registered, domain), name, options)


def _check_distinct(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInputError(
            f"`tasks`: {', '.join(map(repr, twice))} is named more than once, among tasks and given columns; "
            'give one of them another name, as in {"low": {"task": "fft", "n_coefficients": 5}}.'
        )
    if not names:
        raise InvalidInputError("`tasks` names nothing to compute and nothing is given; name a task, or pass `given`.")
