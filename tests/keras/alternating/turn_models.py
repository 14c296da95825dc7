"""Models trained in turns, and what the tests look at in them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from helpers import LOSS, SPECS, X, aux_targets, dense_base, labels

from auxtasks.keras import AuxModel, attach_heads

TASKS = ("main", *SPECS)
Y = {"main": labels(), **aux_targets()}
OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.01),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
}


def model_in_turns(
    schedule: Any = "alternating",
    optimizer: Any = None,
    *,
    base: Any = None,
    weights: Any = 1.0,
    weighting: Any = "fixed",
    **compile_args: Any,
) -> AuxModel:
    """The small network of the other tests without dropout."""
    base = base or dense_base(dropout=0.0)
    weights = {**dict.fromkeys(SPECS, 1.0), **weights} if isinstance(weights, dict) else weights
    model = attach_heads(base, SPECS, weights=weights, samples=X, seed=4, schedule=schedule, weighting=weighting)
    model.compile(optimizer or keras.optimizers.Adam(0.01), LOSS, **compile_args)
    return model


def optimizers(model: AuxModel) -> dict[str, Any]:
    return dict(zip(TASKS, [model.optimizer, *model._task_optimizers], strict=True))


def steps_of(model: AuxModel) -> dict[str, int]:
    """How many steps each task has made."""
    return {task: int(keras.ops.convert_to_numpy(each.iterations)) for task, each in optimizers(model).items()}


def parts_of(model: AuxModel) -> dict[str, list[np.ndarray]]:
    """The weights of the trunk, the main head and the other heads, and the state of each optimizer."""
    layers = {"trunk": model.base.layers[0], "main": model.base.layers[-1]}
    layers |= {head.specs[0].name: head for head in model.heads}
    parts = {name: layer.get_weights() for name, layer in layers.items()}
    return parts | {f"state of {task}": state_of(each) for task, each in optimizers(model).items()}


def state_of(optimizer: Any) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in optimizer.variables]


def everything(model: AuxModel) -> list[np.ndarray]:
    """All that a resumed run must have in common with an uninterrupted one."""
    return [*model.get_weights(), *(value for each in optimizers(model).values() for value in state_of(each))]


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
