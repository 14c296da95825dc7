"""Training in turns, one task a step: what a user may say of whose turn it is, checked and brought into one form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.validation import check_choice, check_int, check_keys, check_number

Kind = Literal["joint", "alternating", "proportional", "callable"]
Asked = str | Mapping[str, Any] | Callable[[int], str]
"""A name, a name with options, or a function from the number of the step to the name of a task."""

NAMES = ("joint", "alternating", "proportional")


@dataclass(frozen=True)
class Schedule:
    """Which task each step trains: all at once, or one in turn, at random or as a function says."""

    kind: Kind
    tasks: tuple[str, ...]  # in the order of their turns
    # How many steps in a row are each task's turn, or how often it is drawn; None for the numbers of labelled samples.
    ratio: tuple[float, ...] | None = None
    choose: Callable[[int], str] | None = None

    @classmethod
    def of(cls, asked: Asked, tasks: Sequence[str]) -> Schedule:
        tasks = tuple(tasks)
        if callable(asked):
            return cls("callable", tasks, choose=asked)
        kind, options = _split(asked)
        check_choice("schedule", kind, NAMES, "schedule")
        for option in options:
            if option != "ratio" or kind == "joint":
                raise unknown_name("schedule", option, [] if kind == "joint" else ["ratio"], f"option of {kind!r}")
        ratio = options.get("ratio")
        if ratio is None:
            return cls(kind, tasks, None if kind == "proportional" else (1,) * len(tasks))  # type: ignore[arg-type]
        return cls(kind, tasks, _checked_ratio(ratio, tasks, whole=kind == "alternating"))  # type: ignore[arg-type]

    def number_of(self, step: int) -> int:
        """Return the number of the task that the function chooses for a step."""
        name = self.choose(step) if self.choose else None
        what = f"task (returned by the function for step {step})"
        return self.tasks.index(check_choice("schedule", name, self.tasks, what))

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
            config = keras.saving.deserialize_keras_object(config["callable"], custom_objects=custom_objects)
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
        f"from the number of a step to the name of a task; got {abbreviated(asked)} of type {type(asked).__name__}."
    )


def _checked_ratio(ratio: Any, tasks: tuple[str, ...], *, whole: bool) -> tuple[float, ...]:
    given = check_keys("ratio", ratio, tasks, "task")
    check: Callable[..., float] = check_int if whole else check_number
    checked = tuple(check(f"ratio[{task!r}]", given.get(task, 1), low=0) for task in tasks)
    if not any(checked):
        raise InvalidInputError(f"`ratio` must be positive for at least one task; got {abbreviated(given)}.")
    return checked
