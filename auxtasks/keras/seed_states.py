"""The states of random generators, which Keras leaves out of saved models: without them dropout begins anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

_PREFIX = "seed_"


def states_of(model: keras.Model) -> list[Any]:
    """Return the state variable of every random generator in a model, each once.

    Parameters
    ----------
    model : keras.Model
        The model.

    Returns
    -------
    list of keras.Variable
        In the order of the layers.
    """
    generators = [generator for layer in model._flatten_layers() for generator in layer._seed_generators]
    return [generator.state for generator in {id(each): each for each in generators}.values()]


def store_states(model: keras.Model, store: Any) -> None:
    """Write the states beside the variables that a model saves.

    Parameters
    ----------
    model : keras.Model
        The model.
    store : mapping
        What Keras hands to ``save_own_variables``.
    """
    for index, state in enumerate(states_of(model)):
        store[f"{_PREFIX}{index}"] = keras.ops.convert_to_numpy(state)


def take_states(model: keras.Model, store: Mapping[str, Any]) -> dict[str, Any]:
    """Set the states from what was stored, and return the rest.

    Parameters
    ----------
    model : keras.Model
        The model.
    store : mapping
        What Keras hands to ``load_own_variables``.

    Returns
    -------
    dict
        The entries that are no states, for Keras.
    """
    stored = {name: store[name] for name in store.keys()}  # noqa: SIM118 - Keras's store is no mapping
    states = states_of(model)
    found = {name: value for name, value in stored.items() if name.startswith(_PREFIX)}
    if len(found) == len(states):  # layers that make their generator only when called have none yet
        for index, state in enumerate(states):
            state.assign(found[f"{_PREFIX}{index}"])
    return {name: value for name, value in stored.items() if name not in found}
