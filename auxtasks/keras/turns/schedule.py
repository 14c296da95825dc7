"""Whose turn it is: what a user may say, checked and brought into one form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.validation import check_int, check_number

Kind = Literal["joint", "alternating", "proportional", "callable"]
Asked = str | Mapping[str, Any] | Callable[[int], str]
"""A name, a name with options, or a function from the number of the step to the name of a task."""

NAMES = ("joint", "alternating", "proportional")


@dataclass(frozen=True)
class Schedule:
    """Which task each step trains.

    Parameters
    ----------
    kind : {"joint", "alternating", "proportional", "callable"}
        Whether all tasks are trained at once, in turn, at random, or as a function says.
    tasks : tuple of str
        The tasks in the order of their turns.
    ratio : tuple of float or None
        How many steps in a row are each task's turn, or how often it is drawn; None where the numbers of labelled
        samples are the ratio.
    choose : callable or None
        The function of kind ``"callable"``.
    """

    kind: Kind
    tasks: tuple[str, ...]
    ratio: tuple[float, ...] | None = None
    choose: Callable[[int], str] | None = None

    @classmethod
    def of(cls, asked: Asked, tasks: Sequence[str]) -> Schedule:
        """Check what was asked for.

        Parameters
        ----------
        asked : str, mapping or callable
            ``"alternating"``, ``{"alternating": {"ratio": {"main": 2}}}`` or a function; a task that a ratio leaves out
            has 1.
        tasks : sequence of str
            The tasks there are.

        Returns
        -------
        Schedule
            With a ratio for every task.

        Raises
        ------
        UnknownNameError
            If there is no such schedule, option or task.
        InvalidTypeError, InvalidInputError
            If a ratio is no number, negative, or 0 for every task.

        Examples
        --------
        >>> Schedule.of({"alternating": {"ratio": {"main": 2}}}, ["main", "fft"]).ratio
        (2, 1)
        """
        tasks = tuple(tasks)
        if callable(asked):
            return cls("callable", tasks, choose=asked)
        kind, options = _split(asked)
        if kind not in NAMES:
            raise unknown_name("schedule", kind, NAMES, "schedule")
        for option in options:
            if option != "ratio" or kind == "joint":
                raise unknown_name("schedule", option, [] if kind == "joint" else ["ratio"], f"option of {kind!r}")
        ratio = options.get("ratio")
        if ratio is None:
            return cls(kind, tasks, None if kind == "proportional" else (1,) * len(tasks))  # type: ignore[arg-type]
        return cls(kind, tasks, _checked_ratio(ratio, tasks, whole=kind == "alternating"))  # type: ignore[arg-type]

    def number_of(self, step: int) -> int:
        """Return the number of the task that the function chooses for a step.

        Raises
        ------
        UnknownNameError
            If it returns something else than the name of a task.
        """
        name = self.choose(step) if self.choose else None
        if name not in self.tasks:
            raise unknown_name("schedule", name, self.tasks, f"task (returned by the function for step {step})")
        return self.tasks.index(name)

    def to_config(self) -> Any:
        """Return the schedule as plain JSON types; a function must be registered with Keras."""
        if self.choose is not None:
            return {"callable": keras.saving.serialize_keras_object(self.choose)}
        if self.kind == "joint" or self.ratio is None:
            return self.kind
        return {self.kind: {"ratio": dict(zip(self.tasks, self.ratio, strict=True))}}

    @staticmethod
    def from_config(config: Any, custom_objects: Any = None) -> Asked:
        """Return what `of` takes, from what `to_config` returned."""
        if isinstance(config, Mapping) and "callable" in config:
            function: Callable[[int], str] = keras.saving.deserialize_keras_object(
                config["callable"], custom_objects=custom_objects
            )
            return function
        asked: Asked = config
        return asked


def _split(asked: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(asked, str):
        return asked, {}
    if isinstance(asked, Mapping) and len(asked) == 1:
        ((kind, options),) = asked.items()
        if isinstance(options, Mapping):
            return kind, options
    raise InvalidTypeError(
        "`schedule` must be a name, a name with options such as {'alternating': {'ratio': {'main': 2}}}, or a function "
        f"from the number of a step to the name of a task; got {asked!r} of type {type(asked).__name__}."
    )


def _checked_ratio(ratio: Any, tasks: tuple[str, ...], *, whole: bool) -> tuple[float, ...]:
    if not isinstance(ratio, Mapping):
        raise InvalidTypeError(f"`ratio` must map names of tasks to numbers; got {ratio!r}.")
    for task in ratio:
        if task not in tasks:
            raise unknown_name("ratio", task, tasks, "task")
    check: Callable[..., float] = check_int if whole else check_number
    checked = tuple(check(f"ratio[{task!r}]", ratio.get(task, 1), low=0) for task in tasks)
    if not any(checked):
        raise InvalidInputError(f"`ratio` must be positive for at least one task; got {dict(ratio)!r}.")
    return checked
