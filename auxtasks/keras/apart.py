"""Running layers on the side of a training step: no variable changes, and random numbers are drawn apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from auxtasks.keras.private import generators_of, layers_in, losses_kept, run


def run_apart(layer: keras.Layer, inputs: Any, seed: Any, weights: Mapping[int, Any] | None = None) -> Any:
    """Run a layer or model in training, and leave its variables, losses and random generators as they are.

    Random numbers follow from `seed`, a generator of the caller's own. `weights` are tensors in the place of variables,
    by the identity of these.
    """
    with apart(layer, seed, weights), losses_kept(layer):
        return run(layer, inputs, training=True)


def apart(layer: keras.Layer, seed: Any, weights: Mapping[int, Any] | None = None) -> keras.StatelessScope:
    """Return a scope in which the variables of a layer have their values, and what is assigned to them is dropped."""
    values = {id(variable): (variable, ops.convert_to_tensor(variable)) for variable in layer.variables}
    values |= {key: (values[key][0], value) for key, value in (weights or {}).items()}
    states = [generator.state for each in layers_in(layer, itself=True) for generator in generators_of(each)]
    states = list({id(state): state for state in states}.values())
    if states:
        # Not what the generators hold: the layer's own run, and the next step, draw from these.
        drawn = keras.random.randint((len(states), 2), 0, 2**31 - 1, seed=seed)
        values |= {
            id(state): (state, ops.cast(one, keras.backend.standardize_dtype(state.dtype)))
            for state, one in zip(states, ops.unstack(drawn, len(states)), strict=True)
        }
    return keras.StatelessScope(list(values.values()))
