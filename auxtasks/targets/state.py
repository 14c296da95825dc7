"""What was learned as a state that can be saved, and from one: checked before anything is made of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from auxtasks.checksums import named
from auxtasks.errors import InvalidTypeError, abbreviated
from auxtasks.extractors.text.documents import FittedTexts
from auxtasks.extractors.text.reading import checked_text_settings, describe_params, restore_params
from auxtasks.label_columns import LabelColumn
from auxtasks.registry import find_task
from auxtasks.specs import CLASS_KINDS, COLUMN_TASK, KINDS, NUMERIC_KINDS, SOFT_LABELS, TargetSpec
from auxtasks.targets.fitted import Fitted
from auxtasks.targets.scaling import Scaling
from auxtasks.targets.tables import TableColumn
from auxtasks.targets.tasks import Task, checked_settings, from_extractor, frozen


def state_of(fitted: Fitted) -> dict[str, Any]:
    """Return what was learned as what `plain` makes JSON of; `fitted_of` is the inverse."""
    params = {**fitted.params, "dtype": str(np.dtype(fitted.params["dtype"]))}
    params["tasks"] = without_objects(params["tasks"])
    for name in ("vocabulary", "image_size"):  # as files of earlier versions have it
        if params.get(name) is None:
            params.pop(name, None)
    texts = None
    if fitted.texts is not None:
        params |= describe_params(params)
        texts = fitted.texts.to_dict()
    return {
        "params": params,
        "texts": texts,
        "tasks": [
            {
                "name": task.name,
                "task": task.extractor.name,
                "options": dict(task.options),
                "names": list(task.names) if task.extractor.fit else None,
            }
            for task in fitted.tasks
        ],
        "label_columns": {name: column.to_dict() for name, column in fitted.label_columns.items()},
        "specs": [spec.to_dict() for spec in fitted.specs.values()],
        "scalings": {name: scaling.to_dict() for name, scaling in fitted.scalings.items()},
        "shapes": fitted.shapes,
        "row_shape": fitted.row_shape,
        "channel_added": fitted.channel_added,
        "length": fitted.length,
        **({"columns": [column.to_dict() for column in fitted.columns]} if fitted.columns else {}),
        **({"class_names": dict(fitted.class_names)} if fitted.class_names else {}),
    }


def without_objects(tasks: Any) -> Any:
    """Name the estimator and the function among the options of soft labels, which JSON cannot hold."""
    if isinstance(tasks, Mapping):
        options = {name: named(option) for name, option in dict(tasks.get(SOFT_LABELS, {})).items()}
        return {**tasks, SOFT_LABELS: options} if SOFT_LABELS in tasks else tasks
    return [without_objects(entry) for entry in tasks] if isinstance(tasks, (list, tuple)) else tasks


def plain(value: object) -> object:
    """Turn NumPy numbers and arrays among the options into what JSON has, or say that it cannot be."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise InvalidTypeError(
        f"`tasks`: options must be numbers, strings or lists of these to be saved; got {abbreviated(value)} of type "
        f"{type(value).__name__}."
    )


def fitted_of(state: Any) -> Fitted:
    """Make what `state_of` described, after a round trip through JSON; a ValueError says what is wrong with it."""
    state = in_present_names(state)
    check_state(state)
    params, texts = dict(state["params"]), None
    checked_settings(params)
    if params["domain"] == "text":
        params = restore_params(params)
        checked_text_settings(params)
        if state.get("texts") is not None:
            check_vocabulary(state["texts"])
            texts = FittedTexts.from_dict(state["texts"])
    specs = [
        TargetSpec.from_dict({**spec, "options": {name: frozen(value) for name, value in spec["options"].items()}})
        for spec in state["specs"]
    ]
    return Fitted(
        params,
        tuple(_task(task, params["domain"]) for task in state["tasks"]),
        label_columns={name: LabelColumn.from_dict(column) for name, column in state["label_columns"].items()},
        specs={spec.name: spec for spec in specs},
        scalings={name: Scaling.from_dict(scaling) for name, scaling in state["scalings"].items()},
        shapes={name: tuple(shape) for name, shape in state["shapes"].items()},
        row_shape=tuple(state["row_shape"]),
        channel_added=state.get("channel_added", False),
        length=state["length"],
        texts=texts,
        columns=tuple(TableColumn.from_dict(column) for column in state.get("columns", ())),
        class_names={output: tuple(names) for output, names in state.get("class_names", {}).items()},
    )


def _task(fields: Mapping[str, Any], domain: str) -> Task:
    task = from_extractor(find_task(fields["task"], domain), fields["name"], fields["options"])
    names = fields.get("names")
    return task if names is None else replace(task, names=tuple(map(str, names)))


_PARAMS = {"length": "max_length", "inputs": "model_inputs", "backend": "tagger", "pipeline": "tagger_model"}
_FIELDS = {"chance": "baseline_loss", "place": "spatial", "asks_for": "lookahead", "share": "weight_scale"}


def in_present_names(state: Any) -> Any:
    """Return a state in which everything is called what it is called now; one that is damaged stays as it is."""
    if not isinstance(state, dict):
        return state
    state = _renamed(state, {"given": "label_columns"})
    if isinstance(state.get("params"), dict):
        params = _renamed(state["params"], _PARAMS)
        # Texts were tagged by as many processes as a parameter of its own said.
        n_processes = params.pop("n_process", 1)
        state["params"] = {**params, "n_jobs": n_processes} if n_processes != 1 else params
    if isinstance(state.get("specs"), list):
        state["specs"] = [_renamed(spec, _FIELDS) if isinstance(spec, dict) else spec for spec in state["specs"]]
        for spec in (spec for spec in state["specs"] if isinstance(spec, dict) and spec.get("task") == "given"):
            spec["task"] = COLUMN_TASK
    return state


def _renamed(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in fields.items()}


def check_state(state: Any) -> None:
    """Refuse a state from which a generator would compute nonsense, or fail when it is used."""
    _STATE(state, "`generator`")
    specs = {spec["name"]: spec for spec in state["specs"]}
    tasks = {task["name"]: task for task in state["tasks"]}
    names = {*tasks, *state["label_columns"]}
    _require(names <= state["shapes"].keys(), "`shapes`", "of every task and label column")
    for name, spec in specs.items():
        if spec["task"] != SOFT_LABELS:
            _require(name in names, f"the target {name!r}", "of a task or of a label column")
        if spec["kind"] in CLASS_KINDS:
            fits = spec["n_classes"] == len(spec["classes"]) or not spec["classes"]
            _require(fits, f"`n_classes` of {name!r}", "the number of its classes")
            told = tasks.get(name, {}).get("names")
            _require(told is None or told == spec["classes"], f"`names` of {name!r}", "those of its classes")
    for name, column in state["label_columns"].items():
        _require(column["name"] == name, f"`label_columns` {column['name']!r}", "under its own name")
        fits = name not in specs or column["kind"] == specs[name]["kind"]
        _require(fits, f"`kind` of the label column {name!r}", "that of its target")
    for name, scaling in state["scalings"].items():
        _require(
            name in specs and specs[name]["kind"] in NUMERIC_KINDS, f"`scalings` of {name!r}", "of a numeric target"
        )
        _check_scaling(name, scaling, specs[name], state["shapes"][name])


def _check_scaling(name: str, scaling: Mapping[str, Any], spec: Mapping[str, Any], shape: list[int]) -> None:
    where, kept, width = f"`scalings` of {name!r}", scaling["kept"], len(scaling["mean"])
    before = prod(shape) if spec["kind"] == "vector" else [0, *shape][-1]
    _require(width == len(scaling["std"]) == len(scaling["origin"]) == before, where, f"of {before} columns")
    _require(kept == sorted(set(kept)) and all(0 <= each < width for each in kept), where, "of columns that there are")
    _require([len(kept)] == spec["shape"][-1:], where, f"of the shape {spec['shape']}")
    _require(
        all(-1 <= each < len(kept) for each in scaling["origin"]), f"`origin` of {name!r}", "columns that are kept"
    )
    divided = all(scaling["std"][each] > 0 and scaling["mean"][each] is not None for each in kept)
    _require(divided, where, "numbers, and `std` positive, where columns are kept")


def check_vocabulary(fields: Any) -> None:
    _TEXTS(fields, "`texts`")
    vocabulary = fields["vocabulary"]
    numbers = [*vocabulary["special"], *({vocabulary["padding"], vocabulary["unknown"]} - {None})]
    _require(all(number < len(vocabulary["words"]) for number in numbers), "`vocabulary`", "numbers of its words")


Rule = Callable[[Any, str], None]
"""Raises a ValueError about a value, which has a name."""


def _require(holds: bool, where: str, what: str) -> None:
    if not holds:
        raise ValueError(f"{where} must be {what}")


def _one(valid: Callable[[Any], bool], what: str) -> Rule:
    def rule(value: Any, where: str) -> None:
        if not valid(value):
            raise ValueError(f"{where} must be {what}; found {value!r:.60}")

    return rule


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value < 1 << 63


def _finite(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value)


def _choice(*valid: str) -> Rule:
    return _one(lambda value: isinstance(value, str) and value in valid, f"one of {', '.join(map(repr, valid))}")


def _or_none(rule: Rule) -> Rule:
    return lambda value, where: None if value is None else rule(value, where)


def _list(rule: Rule) -> Rule:
    def check(value: Any, where: str) -> None:
        _is_list(value, where)
        for number, each in enumerate(value):
            rule(each, f"{where}[{number}]")

    return check


def _each(rule: Rule) -> Rule:
    def check(value: Any, where: str) -> None:
        _is_mapping(value, where)
        for name, each in value.items():
            rule(each, f"{where}[{name!r}]")

    return check


def _record(optional: Mapping[str, Rule] | None = None, /, **required: Rule) -> Rule:
    def check(value: Any, where: str) -> None:
        _is_mapping(value, where)
        lacks = sorted(required.keys() - value.keys())
        _require(not lacks, where, f"complete; it lacks {', '.join(map(repr, lacks))}")
        for name, rule in {**required, **(optional or {})}.items():
            if name in value:
                rule(value[name], f"{where}[{name!r}]")

    return check


_is_list = _one(lambda value: isinstance(value, list), "a list")
_is_mapping = _one(lambda value: isinstance(value, dict), "names with values")
_text = _one(lambda value: isinstance(value, str), "a text")
_flag = _one(lambda value: isinstance(value, bool), "true or false")
_count = _one(lambda value: _whole(value) and value >= 0, "a whole number from 0 on")
_positive_count = _one(lambda value: _whole(value) and value > 0, "a positive whole number")
_number = _one(_finite, "a finite number")
_share = _one(lambda value: _finite(value) and value >= 0, "a finite number from 0 on")
_label = _one(lambda value: isinstance(value, str | int), "a text or a whole number")
_column = _one(lambda value: _whole(value) and value >= -1, "the number of a column, or -1")
_kind = _choice(*KINDS)
_shape = _list(_count)

_SPEC = _record(
    name=_text,
    task=_text,
    kind=_kind,
    shape=_shape,
    n_classes=_or_none(_positive_count),
    baseline_loss=_number,
    spatial=_choice("global", "grid"),
    columns=_list(_text),
    classes=_list(_text),
    dropped=_list(_text),
    options=_is_mapping,
    per_sample=_text,
    lookahead=_choice("", "next", "previous"),
    level=_choice("high", "low"),
    weight_scale=_share,
)
_STATE = _record(
    {
        "channel_added": _flag,
        "texts": _or_none(_is_mapping),
        "columns": _list(_record(name=_text, width=_positive_count, categories=_or_none(_list(_text)))),
        "class_names": _each(_list(_text)),
    },
    params=_is_mapping,
    tasks=_list(_record({"names": _or_none(_list(_text))}, name=_text, task=_text, options=_is_mapping)),
    label_columns=_each(_record(name=_text, kind=_kind, shape=_shape, classes=_list(_label), columns=_list(_text))),
    specs=_list(_SPEC),
    scalings=_each(
        _record(
            log1p=_flag, mean=_list(_or_none(_number)), std=_list(_share), kept=_list(_count), origin=_list(_column)
        )
    ),
    shapes=_each(_shape),
    row_shape=_shape,
    length=_or_none(_positive_count),
)
_TEXTS = _record(
    {"words": _choice("learned", "known", "none")},
    vocabulary=_record(words=_list(_text), padding=_or_none(_count), unknown=_or_none(_count), special=_list(_count)),
    length=_positive_count,
)
