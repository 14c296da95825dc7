"""One target to be made: what is declared of it, with its options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from auxtasks.registry import Effect, Extractor
from auxtasks.specs import AsksFor, Kind, Level, Place

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
