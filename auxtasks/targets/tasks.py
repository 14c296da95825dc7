"""From what a user names as tasks to what is to be computed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError
from auxtasks.registry import Effect, Extractor, find_task, tasks_of
from auxtasks.specs import AsksFor, Kind, Level, Place
from auxtasks.targets.samples import Blocks

TaskNames = str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]


def parse_tasks(domain: str, tasks: TaskNames | None, given: Iterable[str] = ()) -> tuple[Task, ...]:
    """Read the ``tasks`` argument."""
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


_WITH_COLUMNS: frozenset[Kind | None] = frozenset({"vector", "multilabel"})


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
    effect, log1p, place, axes, fit, per_sample, asks_for, level, share, graph
        As `auxtasks.registry.Extractor` has them.
    classes : tuple of str
        The names of the classes.
    columns : tuple of str
        The names of the columns, where they do not follow from `axes`.
    options : mapping
        All options of the task, defaults included.
    function : callable or None
        The extractor's function; None for a given column.
    needs : tuple of str
        The columns that a tagger must give.
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
    fit: Callable[..., tuple[str, ...]] | None = None
    needs: tuple[str, ...] = ()
    per_sample: str = ""
    asks_for: AsksFor = ""
    level: Level = "high"
    share: float = 1.0
    graph: Callable[..., Any] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes, or of the columns."""
        return self.columns if self.kind in _WITH_COLUMNS else self.classes

    @property
    def arguments(self) -> dict[str, Any]:
        """What the function is called with besides the inputs."""
        return {**self.options, "classes": self.names} if self.fit else dict(self.options)

    def named(self, names: Iterable[str]) -> Task:
        """Return the same task with these names of its classes or columns."""
        known = tuple(map(str, names))
        return replace(self, columns=known) if self.kind in _WITH_COLUMNS else replace(self, classes=known)


def from_extractor(extractor: Extractor, name: str, options: Mapping[str, Any]) -> Task:
    """Make a task from its extractor."""
    complete = {key: frozen(value) for key, value in extractor.with_defaults(options).items()}
    e = extractor
    task = Task(
        name=name,
        task=e.name,
        kind=e.kind,
        effect=e.effect,
        log1p=e.log1p,
        place=e.place,
        axes=e.axes,
        options=complete,
        function=e.function,
        fit=e.fit,
        needs=() if e.needs is None else tuple(e.needs(complete)),
        per_sample=e.per_sample,
        asks_for=e.asks_for,
        level=e.level,
        share=e.share,
        graph=e.graph,
    )
    return task if e.classes is None else task.named(e.classes(complete))


def frozen(value: Any) -> Any:
    """Turn lists into tuples, at every depth."""
    return tuple(map(frozen, value)) if isinstance(value, (list, tuple)) else value


def fit_names(tasks: Sequence[Task], samples: Blocks) -> tuple[Task, ...]:
    """Complete the tasks whose classes or columns depend on the training data."""
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
