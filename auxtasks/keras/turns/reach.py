"""Which variables of a model the loss of a task depends on."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from auxtasks.keras.heads import Head
from auxtasks.keras.packing import MAIN
from auxtasks.keras.plan import Plan
from auxtasks.keras.recording import recording

Reach = dict[str, tuple[int, ...]]
"""For each task, the places in ``base.weights`` of what its loss depends on."""


def find_reach(base: keras.Model, heads: list[Head], plan: Plan, inputs: Any) -> Reach:
    """Find the weights of a model that have a gradient for each task.

    The run is made in inference mode and leaves nothing behind.

    Parameters
    ----------
    base : keras.Model
        The model, built.
    heads : list of Head
        Its heads.
    plan : Plan
        Where they read.
    inputs : tensor or structure of tensors
        A few samples.

    Returns
    -------
    dict of str to tuple of int
        For ``"main"`` and each target, places in ``base.weights``.
    """
    values = [weight.value for weight in base.weights]
    places = [place for place, value in enumerate(values) if value.dtype.is_floating]
    watched = [values[place] for place in places]
    with (
        keras.StatelessScope(),
        recording(plan.layers.values()) as events,
        tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape,
    ):
        # Frozen weights too: they may be trained later.
        tape.watch(watched)
        outputs = {MAIN: base(inputs, training=False)}
        for head in heads:
            event = plan.event_of(head.specs[0].name, events)
            outputs |= head.predict_from(event.output, event.mask)
    reach = {}
    for task, output in outputs.items():
        floats = [part for part in keras.tree.flatten(output) if part.dtype.is_floating]
        gradients = tape.gradient(floats, watched) if floats else [None] * len(watched)
        found = zip(places, gradients, strict=True)
        reach[task] = tuple(place for place, gradient in found if gradient is not None)
    return reach
