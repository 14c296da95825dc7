"""What must hold of every script of a client: a model as people write it, with the lines of the README put in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from helpers import assert_same, values

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
        More arguments of `attach_heads`, such as the `inputs` of a model that reads several, and of `compile`.
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
    plain = _built(client, x)
    _fit(client, plain, x, y)
    without, _ = _trained(client, x, y, targets, weights=0.0)
    assert_same(plain, without)
    base, model = _trained(client, x, y, targets, weights=1.0)
    assert {task: model.taps[task] for task in client.taps} == dict(client.taps)
    assert _moved(without, base), "the heads teach the base nothing"
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    assert loaded.taps.keys() == model.taps.keys()
    assert strip_heads(model) is base
    _assert_equal(_called(strip_heads(loaded), x), _called(base, x))
    for head, same in zip(model.heads, loaded.heads, strict=True):
        assert_same(head, same)
    return model


def _built(client: Client, x: Any) -> keras.Model:
    """Make the model and run it once: an unbuilt one has no weights to compare."""
    keras.utils.set_random_seed(7)
    base = client.build()
    _called(base, x)
    return base


def _called(model: keras.Model, x: Any) -> Any:
    """Run a model eagerly, which for a few samples is much quicker than `predict`."""
    return model(keras.tree.map_structure(keras.ops.convert_to_tensor, x), training=False)


def _trained(client: Client, x: Any, y: Any, targets: AuxTargets, weights: float) -> tuple[keras.Model, AuxModel]:
    base = _built(client, x)
    model = attach_heads(base, targets, weights=weights, **client.attach)
    _fit(client, model, x, targets.with_main(y))
    return base, model


def _fit(client: Client, model: keras.Model, x: Any, y: Any) -> None:
    model.compile(keras.optimizers.SGD(0.01), client.loss, **{"run_eagerly": True, **client.compile})
    keras.utils.set_random_seed(8)
    logs = model.fit(x, y, batch_size=N, shuffle=False, verbose=0).history
    assert np.isfinite(list(logs.values())).all()


def _moved(one: keras.Model, other: keras.Model) -> bool:
    return any(not np.array_equal(*pair) for pair in zip(values(one), values(other), strict=True))


def _assert_equal(one: Any, other: Any) -> None:
    for first, second in zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-5)
