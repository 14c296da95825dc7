"""The states of a model's random generators, which are saved with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from auxtasks.keras.private import generators_of, layers_in

_PREFIX = "seed_"
"""How the names of states in a file begin."""


def store_states(model: keras.Model, store: Any) -> None:
    """Write the states beside the variables that a model saves."""
    for index, state in enumerate(states_of(model)):
        store[f"{_PREFIX}{index}"] = keras.ops.convert_to_numpy(state)


def take_states(model: keras.Model, store: Mapping[str, Any]) -> dict[str, Any]:
    """Set the states from what was stored, and return the rest."""
    stored = {name: store[name] for name in store.keys()}  # noqa: SIM118 - Keras's store is no mapping
    states = states_of(model)
    found = {name: value for name, value in stored.items() if name.startswith(_PREFIX)}
    if len(found) == len(states):  # layers that make their generator only when called have none yet
        for index, state in enumerate(states):
            state.assign(found[f"{_PREFIX}{index}"])
    return {name: value for name, value in stored.items() if name not in found}


def states_of(model: keras.Model) -> list[Any]:
    """Return the states of all random generators of a model."""
    generators = [generator for layer in layers_in(model, itself=True) for generator in generators_of(layer)]
    return [generator.state for generator in {id(each): each for each in generators}.values()]
