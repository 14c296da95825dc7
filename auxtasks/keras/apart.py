"""Runs on the side of a training step, and the states of random generators, which such runs leave alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from auxtasks.keras.private import aside, generators_of, layers_in, losses_kept, run


def run_aside(model: keras.Model, inputs: Any, *, training: bool) -> Any:
    """Run a model forward, and leave its variables and losses as they are."""
    with aside(), losses_kept(model):
        return run(model, inputs, training=training)


def run_apart(layer: keras.Layer, inputs: Any, seed: Any, weights: Mapping[int, Any] | None = None) -> Any:
    """Run a layer or model in training, and leave its variables, losses and random generators as they are.

    Random numbers follow from `seed`, a generator of the caller's own. `weights` are tensors in the place of variables,
    by the identity of these.
    """
    with _scope(layer, seed, weights or {}), losses_kept(layer):
        return run(layer, inputs, training=True)


def _scope(layer: keras.Layer, seed: Any, weights: Mapping[int, Any]) -> keras.StatelessScope:
    """Return a scope in which the variables of a layer have their values, and what is assigned to them is dropped."""
    values = {id(variable): (variable, ops.convert_to_tensor(variable)) for variable in layer.variables}
    values |= {key: (values[key][0], value) for key, value in weights.items()}
    states = states_of(layer)
    if states:
        # Not what the generators hold: the layer's own run, and the next step, draw from these.
        drawn = keras.random.randint((len(states), 2), 0, 2**31 - 1, seed=seed)
        values |= {
            id(state): (state, ops.cast(one, keras.backend.standardize_dtype(state.dtype)))
            for state, one in zip(states, ops.unstack(drawn, len(states)), strict=True)
        }
    return keras.StatelessScope(list(values.values()))


def states_of(layer: keras.Layer) -> list[Any]:
    """Return the states of all random generators in a layer or model."""
    states = (generator.state for each in layers_in(layer, itself=True) for generator in generators_of(each))
    return list({id(state): state for state in states}.values())


_PREFIX = "seed_"
"""How the names of states in a file begin."""


def store_states(model: keras.Model, store: Any) -> None:
    for index, state in enumerate(states_of(model)):
        store[f"{_PREFIX}{index}"] = ops.convert_to_numpy(state)


def take_states(model: keras.Model, store: Mapping[str, Any]) -> dict[str, Any]:
    """Set the states from what was stored, and return the rest."""
    stored = {name: store[name] for name in store.keys()}  # noqa: SIM118 - Keras's store is no mapping
    states = states_of(model)
    found = {name: value for name, value in stored.items() if name.startswith(_PREFIX)}
    if len(found) == len(states):  # layers that make their generator only when called have none yet
        for index, state in enumerate(states):
            state.assign(found[f"{_PREFIX}{index}"])
    return {name: value for name, value in stored.items() if name not in found}
