"""The registry: one decorator declares a task and its function together, once.

Tables, documentation, specs and heads derive from what is declared here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Literal, TypeVar

from auxtasks.errors import AuxTasksError, InvalidInputError, warn_user
from auxtasks.notebook import html_table, text_table
from auxtasks.specs import KINDS, Kind, Level, Lookahead, Spatial
from auxtasks.validation import check_choice, check_keys, check_name, check_names

DOMAINS: Mapping[str, str] = {
    "signal": "auxtasks.extractors.signal",
    "image": "auxtasks.extractors.image",
    "video": "auxtasks.extractors.video",
    "text": "auxtasks.extractors.text",
    "any": "auxtasks.extractors.any",
}
ENTRY_POINT_GROUP = "auxtasks.extractors"

Effect = Literal["none", "shortens", "expands"]
Names = Callable[[Mapping[str, Any]], tuple[str, ...]]
Function = TypeVar("Function", bound=Callable[..., Any])
_NOT_OPTIONS = ("rng", "classes")


@dataclass(frozen=True)
class Extractor:
    """A registered task: the function that computes it, and its declaration.

    Parameters
    ----------
    name, domain : str
        The task's name and the domain whose inputs it reads.
    function : callable
        ``(X, *, options) -> array (n, ...)``, pure and vectorised over the batch. With ``effect="shortens"`` it
        returns ``(shortened X, target)``; with ``effect="expands"`` it also takes ``rng`` and returns
        ``(transformed copies of X, classes of the copies)``.
    kind : str or None
        The kind of the target; None if it follows from the number of dimensions of the inputs.
    effect : {"none", "shortens", "expands"}
        What the task does to the inputs.
    log1p : bool
        Whether scaling takes ``log1p`` of the (non-negative, heavy-tailed) target first.
    spatial : {"global", "grid"}
        Whether the target depends on positions in the input.
    axes : tuple of str
        Names of the axes of a vector before it is flattened, for the names of its columns.
    classes : callable or None
        Function from the task's options to the names of its classes, or of its columns for a vector or a set of labels.
    fit : callable or None
        For names that depend on the training data: ``(X, **options) -> names``, called once with all training inputs.
        The function then gets the names as ``classes``.
    needs : callable or None
        In the domain ``"text"``, function from the task's options to the columns of
        `auxtasks.extractors.text.spans.COLUMNS` that a tagger must give.
    per_sample, lookahead, level, weight_scale
        As in `auxtasks.TargetSpec`.
    of_ids : bool
        In the domain ``"text"``, whether the task needs only the ids of tokens, not their words.
    tensor_function : callable or None
        The same computation on a batch of float32 tensors, if available: ``(X, *, options) -> tensor``, for any number
        of samples. It uses operations of ``keras.ops`` only, to run on every backend. (With TensorFlow operations it
        runs on TensorFlow only.)
    default : bool
        Whether the task is among the defaults of its domain.
    source : str
        The source of the definition.
    """

    name: str
    domain: str
    function: Callable[..., Any]
    kind: Kind | None
    effect: Effect = "none"
    log1p: bool = False
    spatial: Spatial = "global"
    axes: tuple[str, ...] = ()
    classes: Names | None = None
    default: bool = False
    source: str = ""
    fit: Callable[..., tuple[str, ...]] | None = None
    needs: Names | None = None
    per_sample: str = ""
    lookahead: Lookahead = ""
    level: Level = "high"
    weight_scale: float = 1.0
    of_ids: bool = False
    tensor_function: Callable[..., Any] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The options of the task with their defaults, read from the function's signature."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in _NOT_OPTIONS}

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def with_defaults(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Complete the given options with the defaults, refusing names the task does not have."""
        options = self.options
        return {**options, **check_keys("tasks", given, options, f"option of task {self.name!r}")}


_registry: dict[tuple[str, str], Extractor] = {}


def register_task(
    name: str,
    *,
    domain: str,
    kind: Kind | None,
    source: str,
    effect: Effect = "none",
    log1p: bool = False,
    spatial: Spatial = "global",
    axes: Iterable[str] = (),
    classes: Names | None = None,
    default: bool = False,
    fit: Callable[..., tuple[str, ...]] | None = None,
    needs: Names | None = None,
    per_sample: str = "",
    lookahead: Lookahead = "",
    level: Level = "high",
    weight_scale: float = 1.0,
    of_ids: bool = False,
    tensor_function: bool | Callable[..., Any] = False,
) -> Callable[[Function], Function]:
    """Register the decorated function as a task; `Extractor` describes the arguments.

    Parameters
    ----------
    name, domain, kind, source, effect, log1p, spatial, axes, classes, default, fit, needs, of_ids
        See `Extractor`.
    per_sample, lookahead, level, weight_scale
        See `auxtasks.TargetSpec`.
    tensor_function : bool or callable, default False
        The function that computes the task on tensors: True for the decorated function itself, if it takes tensors as
        well as arrays (see `auxtasks.extractors.tensors`), or another function with the same options.

    Returns
    -------
    callable
        A decorator that returns the function unchanged.

    Raises
    ------
    InvalidInputError
        If the domain or kind does not exist, or another function holds the name in that domain.

    Examples
    --------
    >>> import auxtasks
    >>> @auxtasks.register_task("doc_peak", domain="signal", kind="vector", axes=["channel"], source="max |x|")
    ... def peak(X):
    ...     return abs(X).max(axis=1)
    >>> auxtasks.make_aux_targets([[[1.0], [-3.0]], [[0.0], [2.0]]], "signal", ["doc_peak"], scale=False)["doc_peak"]
    array([[3.],
           [2.]], dtype=float32)
    """
    declared = dict(locals())
    check_name("name", name)
    check_choice("domain", domain, DOMAINS, "domain")
    if kind is not None:
        check_choice("kind", kind, KINDS, "kind of target")
    declared["axes"] = check_names("axes", axes)

    def register(function: Function) -> Function:
        if not function.__module__.startswith("auxtasks."):
            # A name of a built-in task is taken, whether or not its family was imported yet.
            _load_built_in()
        held = _registry.get((domain, name))
        if held is not None and _origin(held.function) != _origin(function):
            raise InvalidInputError(
                f"`name`: {name!r} is already a task of domain {domain!r}, from {_origin(held.function)}; "
                "choose another name."
            )
        on_tensors = function if tensor_function is True else tensor_function or None
        _registry[domain, name] = Extractor(**{**declared, "function": function, "tensor_function": on_tensors})
        return function

    return register


def _origin(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


@cache
def _load_built_in() -> None:
    """Import the built-in families; the ``__all__`` of each is the order in which its tasks are listed."""
    for domain, module in DOMAINS.items():
        for name in import_module(module).__all__:
            if (domain, name) in _registry:
                _registry[domain, name] = _registry.pop((domain, name))


@cache
def _load_all() -> None:
    """Import the built-in families, then what third parties announce by entry points."""
    _load_built_in()
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            point.load()
        except (ImportError, AttributeError, TypeError, AuxTasksError) as error:  # noqa: PERF203 (one broken plugin harms no other)
            warn_user(
                f"the extractors of entry point {point.name!r} ({point.value}) could not be loaded and are left out: "
                f"{error}",
                stacklevel=3,
            )


def tasks_of(domain: str) -> dict[str, Extractor]:
    """Return the tasks usable in a domain: its own in their order, then those of ``"any"``."""
    check_choice("domain", domain, DOMAINS, "domain")
    _load_all()
    own = {name: found for (where, name), found in _registry.items() if where == domain}
    shared = {name: found for (where, name), found in _registry.items() if where == "any"}
    return {**own, **{name: found for name, found in shared.items() if name not in own}}


def find_task(name: str, domain: str) -> Extractor:
    tasks = tasks_of(domain)
    return tasks[check_choice("tasks", name, tasks, f"task of domain {domain!r}")]


class TaskList(list[Extractor]):
    """Tasks, shown as a table."""

    def __repr__(self) -> str:
        return text_table(self._rows())

    def _repr_html_(self) -> str:
        return html_table(self._rows())

    def _rows(self) -> list[tuple[str, ...]]:
        rows = ((task.name, task.domain, task.kind or "any", task.summary) for task in self)
        return [("name", "domain", "kind", "target"), *rows]


def list_tasks(domain: str | None = None) -> list[Extractor]:
    """List the registered tasks.

    Parameters
    ----------
    domain : str, optional
        Only the tasks usable in this domain; all by default.

    Returns
    -------
    list of Extractor
        Each with its ``name``, ``domain``, ``kind``, ``options``, ``summary`` and ``source``. The list prints as a
        table.

    Raises
    ------
    UnknownNameError
        If there is no such domain.

    Examples
    --------
    >>> import auxtasks
    >>> [task.name for task in auxtasks.list_tasks("signal")][:3]
    ['std', 'abs_sum_changes', 'fft']
    """
    if domain is not None:
        return TaskList(tasks_of(domain).values())
    _load_all()
    return TaskList(_registry.values())
