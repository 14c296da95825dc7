"""What a user asks for: which tasks are to be computed, and how, checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, warn_user, wrong_type
from auxtasks.extractors.text.documents import Documents
from auxtasks.image_files import check_size
from auxtasks.registry import DOMAINS, Extractor, find_task, tasks_of
from auxtasks.specs import COLUMN_TASK, Kind
from auxtasks.targets.samples import Blocks
from auxtasks.validation import check_choice, check_depth, check_flag, check_int, check_number, check_processes

TaskNames = str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]


def parse_tasks(domain: str, tasks: TaskNames | None, label_columns: Iterable[str] = ()) -> tuple[Task, ...]:
    label_columns = list(label_columns)
    available = tasks_of(domain)
    if tasks is None:
        own = [task for task in available.values() if task.domain == domain and task.default]
        named: list[tuple[str, Mapping[str, Any]]] = [(task.name, {}) for task in own]
    else:
        named = list(_pairs(tasks))
    parsed = tuple(_task(name, dict(options), domain) for name, options in named)
    _check_distinct([task.name for task in parsed] + label_columns)
    changing = [task.name for task in parsed if task.extractor.effect != "none"]
    if len(changing) > 1:
        raise InvalidInputError(
            f"`tasks`: {' and '.join(map(repr, changing))} each change the inputs, but only one task may; choose one "
            "of them."
        )
    return parsed


def _pairs(tasks: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Go through the names, each with its options."""
    check_depth("tasks", tasks if isinstance(tasks, (Mapping, list, tuple)) else ())
    if not isinstance(tasks, (str, Mapping, list, tuple)):
        raise wrong_type("tasks", "a list of names and of {name: options}", tasks)
    for entry in [tasks] if isinstance(tasks, (str, Mapping)) else tasks:
        if not isinstance(entry, (str, Mapping)):
            found = f"{abbreviated(entry)} of type {type(entry).__name__}"
            raise InvalidTypeError(f"`tasks` must hold names and {{name: options}}; got {found}.")
        for name, options in [(entry, {})] if isinstance(entry, str) else entry.items():
            if not isinstance(name, str) or not name or not isinstance(options, Mapping):
                raise InvalidTypeError(
                    f"`tasks` must map a name to a mapping of options, such as {{'fft': {{'n_coefficients': 50}}}}; "
                    f"got {abbreviated({name: options})}."
                )
            yield name, options


def _task(name: str, options: dict[str, Any], domain: str) -> Task:
    return from_extractor(find_task(options.pop("task", name), domain), name, options)


def _check_distinct(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInputError(
            f"`tasks`: {', '.join(map(repr, twice))} is named more than once, among tasks and label columns; "
            'give one of them another name, as in {"low": {"task": "fft", "n_coefficients": 5}}.'
        )
    if not names:
        raise InvalidInputError(
            "`tasks` is empty and there are no label columns; name a task, or pass `label_columns`."
        )


@dataclass(frozen=True)
class Task:
    """One target to be made: an extractor with its options, or a column that the user gives."""

    name: str  # the key of the target
    extractor: Extractor
    options: Mapping[str, Any] = field(default_factory=dict)  # all of them, defaults included
    names: tuple[str, ...] = ()  # of the classes, or of the columns of a vector or a set of labels
    needs: tuple[str, ...] = ()  # the columns that a tagger must give

    @property
    def arguments(self) -> dict[str, Any]:
        return {**self.options, "classes": self.names} if self.extractor.fit else dict(self.options)


def from_extractor(extractor: Extractor, name: str, options: Mapping[str, Any]) -> Task:
    complete = {key: frozen(value) for key, value in extractor.with_defaults(options).items()}
    names = () if extractor.classes is None else tuple(map(str, extractor.classes(complete)))
    needs = () if extractor.needs is None else tuple(extractor.needs(complete))
    # Answered for these options, and left out, because a lambda cannot be pickled.
    return Task(name, replace(extractor, classes=None, needs=None), complete, names, needs)


def label_column_task(name: str, kind: Kind, names: Iterable[object]) -> Task:
    extractor = Extractor(COLUMN_TASK, "any", _not_computed, kind, source="the user's own labels")
    return Task(name, extractor, names=tuple(map(str, names)))


def _not_computed(_: object) -> NoReturn:
    raise InvalidInputError("a label column cannot be computed from the inputs; pass it in `label_columns`.")


def frozen(value: Any) -> Any:
    """Turn lists into tuples, at every depth."""
    return tuple(map(frozen, value)) if isinstance(value, (list, tuple)) else value


def check_words(tasks: Sequence[Task], samples: Documents) -> None:
    """Refuse tasks that read words, of ids that stand for none."""
    wordless = samples.fitted.words == "none"
    refused = [task.name for task in tasks if wordless and not task.extractor.of_ids]
    if refused:
        able = ", ".join(repr(name) for name, task in tasks_of("text").items() if task.of_ids)
        raise InvalidInputError(
            f"`tasks`: {', '.join(map(repr, refused))} needs words, and `X` holds ids alone. Pass vocabulary=[...], "
            "the token of each id, or the tokenizer that gave the ids; or name tasks that work with ids alone: "
            f"{able}."
        )


def fit_names(tasks: Sequence[Task], samples: Blocks) -> tuple[Task, ...]:
    """Complete the tasks whose classes or columns depend on the training data."""
    return tuple(named for task in tasks if (named := _named(task, samples)) is not None)


def _named(task: Task, samples: Blocks) -> Task | None:
    fit = task.extractor.fit
    if fit is None:
        return task
    names = fit(samples.read(slice(0, samples.n)), **task.options)
    if names:
        return replace(task, names=tuple(map(str, names)))
    warn_user(
        f"target {task.name!r} has no class on the training data and is left out: there is nothing to learn from it."
    )
    return None


# How to compute: the parameters of a generator but for its tasks

_FLOAT32_MAX = float(np.finfo(np.float32).max)
TEXT_ONLY: Mapping[str, object] = {
    "tokenizer": None,
    "vocabulary": None,
    "max_tokens": 20_000,
    "max_length": None,
    "model_inputs": "ids",
    "tagger": "spacy",
    "tagger_model": None,
    "batch_size": 1000,
    "cache": None,
}
"""The parameters that only texts have, with their defaults."""

WITH_FILES = ("image", "any")
"""The domains whose inputs can be files of images."""


@dataclass(frozen=True)
class Settings:
    """How to compute; `AuxTargetGenerator` describes each."""

    dtype: np.dtype[np.floating]
    scale: bool = True
    seed: int = 0
    padding: str = "post"
    padding_value: float = 0.0
    n_jobs: int = 1
    progress: bool = False
    image_size: tuple[int, int] | None = None


def checked_settings(params: Mapping[str, Any]) -> Settings:
    """Check the parameters of a generator; those of texts only as far as other domains do not have them."""
    settings = Settings(
        dtype=_float_dtype(params["dtype"]),
        scale=check_flag("scale", params["scale"]),
        seed=check_int("seed", params["seed"], low=0, high=2**64 - 1),
        padding=check_choice("padding", params["padding"], ("post", "pre")),
        padding_value=check_number("padding_value", params["padding_value"], low=-_FLOAT32_MAX, high=_FLOAT32_MAX),
        n_jobs=check_processes("n_jobs", params["n_jobs"]),
        progress=check_flag("progress", params["progress"]),
        image_size=check_size("image_size", params.get("image_size")),  # targets saved before have none
    )
    domain = check_choice("domain", params["domain"], DOMAINS, "domain")
    if settings.image_size is not None and domain not in WITH_FILES:
        raise InvalidInputError(f"`image_size` applies to image files only, not to {domain!r}; leave it out.")
    for name, default in TEXT_ONLY.items():
        value = params.get(name, default)  # files of earlier versions do not have all
        same = type(value) is type(default) and value == default
        if domain != "text" and not same:
            raise InvalidInputError(f"`{name}` applies to domain 'text' only, not to {domain!r}; leave it out.")
    return settings


def _float_dtype(value: Any) -> np.dtype[np.floating]:
    try:
        # None would stand for float64, without anyone having said so.
        dtype = np.dtype(value if isinstance(value, (str, type, np.dtype)) else object)
    except (TypeError, ValueError):
        dtype = np.dtype(object)
    if dtype not in (np.float32, np.float64):
        raise InvalidInputError(f"`dtype` must be 'float32' or 'float64'; got {abbreviated(value)}.")
    return dtype.newbyteorder("=")
