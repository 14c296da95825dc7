"""A fitted generator as plain JSON types, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.errors import InvalidTypeError
from auxtasks.generator import AuxTargetGenerator
from auxtasks.registry import find_task
from auxtasks.specs import TargetSpec
from auxtasks.targets.scaling import Scaling
from auxtasks.targets.tasks import Task, from_extractor, frozen

if TYPE_CHECKING:
    from auxtasks.extractors.text.documents import FittedTexts


def to_state(generator: AuxTargetGenerator) -> dict[str, Any]:
    """Describe a fitted generator."""
    g = generator
    params = {**g.get_params(), "dtype": str(np.dtype(g.dtype))}
    texts = None
    if g.texts_ is not None:
        from auxtasks.extractors.text.reading import describe_fitted, describe_params

        params |= describe_params(params)
        texts = describe_fitted(g.texts_)
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
            for task in g.tasks_
        ],
        "given": {name: column.to_dict() for name, column in g.given_.items()},
        "specs": [spec.to_dict() for spec in g.specs_.values()],
        "scalings": {name: scaling.to_dict() for name, scaling in g.scalings_.items()},
        "shapes": g.shapes_,
        "row_shape": g.row_shape_,
        "channel_added": g.channel_added_,
        "length": g.length_,
    }


def from_state(state: Mapping[str, Any]) -> AuxTargetGenerator:
    """Make the generator that `to_state` described."""
    from auxtasks.label_columns import GivenColumn

    generator = _with_params(state["params"])
    specs = [TargetSpec.from_dict({**fields, "options": _options(fields)}) for fields in state["specs"]]
    generator._learned(
        tasks=tuple(_task(task, generator.domain) for task in state["tasks"]),
        given={name: GivenColumn.from_dict(fields) for name, fields in state["given"].items()},
        specs={spec.name: spec for spec in specs},
        scalings={name: Scaling.from_dict(fields) for name, fields in state["scalings"].items()},
        shapes={name: tuple(shape) for name, shape in state["shapes"].items()},
        row_shape=tuple(state["row_shape"]),
        channel_added=state.get("channel_added", False),
        length=state["length"],
        texts=_texts(state.get("texts")),
    )
    return generator


def _with_params(params: Mapping[str, Any]) -> AuxTargetGenerator:
    if params["domain"] == "text":
        from auxtasks.extractors.text.reading import restore_params

        params = {
            **params,
            **restore_params({name: params[name] for name in ("tokenizer", "backend", "pipeline", "cache")}),
        }
    return AuxTargetGenerator(**params)


def _texts(fields: Mapping[str, Any] | None) -> FittedTexts | None:
    if fields is None:
        return None
    from auxtasks.extractors.text.reading import restore_fitted

    return restore_fitted(fields)


def _task(fields: Mapping[str, Any], domain: str) -> Task:
    task = from_extractor(find_task(fields["task"], domain), fields["name"], fields["options"])
    names = fields.get("names")
    return task if names is None else replace(task, names=tuple(map(str, names)))


def plain(value: object) -> object:
    """Turn NumPy numbers and arrays among the options into what JSON has, or say that it cannot be."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise InvalidTypeError(
        f"`tasks`: options must be numbers, strings or lists of these to be saved; got {value!r} of type "
        f"{type(value).__name__}."
    )


def _options(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: frozen(value) for name, value in fields["options"].items()}
