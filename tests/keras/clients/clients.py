"""What must hold of every script of a client: a model as people write it, with the lines of the README put in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from helpers import values

from auxtasks.aux_targets import AuxTargets
from auxtasks.keras import AuxModel, attach_heads, strip_heads

LOSS = "sparse_categorical_crossentropy"
N = 8


@dataclass(frozen=True)
class Client:
    """A script: its model, its data and the targets that it computes.

    Parameters
    ----------
    name : str
        The family of the model.
    build : callable
        Makes the model, with weights that depend on the seed of Keras alone.
    data : callable
        Makes the inputs, in the form in which `fit` takes them, and the labels.
    targets : callable
        Makes the auxiliary targets of the inputs.
    loss : object
        The main loss, as for `compile`.
    attach, compile : mapping
        More arguments of `attach_heads`, such as the `samples` of a model that reads several, and of `compile`.
    taps : mapping of str to str
        The tap that each target is to have; those left out may have any.
    """

    name: str
    build: Callable[[], keras.Model]
    data: Callable[[], tuple[Any, Any]]
    targets: Callable[[Any], AuxTargets]
    loss: Any = LOSS
    attach: Mapping[str, Any] = field(default_factory=dict)
    compile: Mapping[str, Any] = field(default_factory=dict)
    taps: Mapping[str, str] = field(default_factory=dict)


def check(client: Client, folder: Path) -> AuxModel:
    """Check that heads change nothing at weight 0, move the trunk at weight 1, are saved, and come off."""
    x, y = client.data()
    targets = client.targets(x)
    keras.utils.set_random_seed(7)
    base = client.build()
    _called(base, x)  # an unbuilt model has no weights yet
    initial = values(base)
    plain = _trained(client, base, initial, x, y)
    model = attach_heads(base, targets, weights=0.0, **client.attach)
    _assert_same(_trained(client, model, initial, x, targets.with_main(y)), plain)
    model.set_loss_weights(1.0)
    moved = _trained(client, model, initial, x, targets.with_main(y))
    assert not all(map(np.array_equal, moved, plain)), "the heads teach the base nothing"
    assert {task: model.taps[task] for task in client.taps} == dict(client.taps)
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    assert loaded.taps.keys() == model.taps.keys()
    for head, same in zip(model.heads, loaded.heads, strict=True):
        _assert_same(values(head), values(same))
    assert strip_heads(model) is base
    _assert_same(_called(strip_heads(loaded), x), _called(base, x), rtol=1e-4, atol=1e-5)
    return model


def _trained(client: Client, model: keras.Model, initial: list[np.ndarray], x: Any, y: Any) -> list[np.ndarray]:
    """Train from some weights of the base on; return what these became."""
    base = strip_heads(model) if isinstance(model, AuxModel) else model
    for variable, value in zip(base.variables, initial, strict=True):
        variable.assign(value)
    model.compile(keras.optimizers.SGD(0.01), client.loss, **{"run_eagerly": True, **client.compile})
    keras.utils.set_random_seed(8)
    logs = model.fit(x, y, batch_size=N, shuffle=False, verbose=0).history
    assert np.isfinite(list(logs.values())).all()
    return values(base)[: len(initial)]


def _called(model: keras.Model, x: Any) -> Any:
    """Run a model eagerly, which for a few samples is much quicker than `predict`."""
    return model(keras.tree.map_structure(keras.ops.convert_to_tensor, x), training=False)


def _assert_same(one: Any, other: Any, rtol: float = 0.0, atol: float = 0.0) -> None:
    for first, second in zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True):
        np.testing.assert_allclose(first, second, rtol=rtol, atol=atol)
