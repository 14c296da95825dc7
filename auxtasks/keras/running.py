"""Running a model on a few samples, to see what every layer returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from auxtasks.keras.layers import walk
from auxtasks.keras.recording import Event, recording
from auxtasks.keras.trial import Output, Shape


def forward(base: keras.Model, inputs: Any) -> tuple[list[Event], Any]:
    """Run a model forward and record every layer, changing nothing.

    The run is made in inference mode, and whatever it assigns to variables (such as the state of random generators) is
    thrown away.

    Parameters
    ----------
    base : keras.Model
        The model, built.
    inputs : tensor or structure of tensors
        A few samples.

    Returns
    -------
    tuple of list of Event, outputs
        The calls of layers in the order in which they returned, and what the model returned.
    """
    layers = {id(layer): layer for _, layer in walk(base)}
    with keras.StatelessScope(), recording(layers.values()) as events:
        returned = base(inputs, training=False)
    return events, returned


def trial_run(base: keras.Model, inputs: Any, shorter: Any = None) -> list[Output]:
    """Run a model forward on a few samples and list what each layer returned, in order.

    An unbuilt model is built first, as its first ``fit`` would do; else nothing changes.

    Parameters
    ----------
    base : keras.Model
        The model.
    inputs : tensor or structure of tensors
        A few samples.
    shorter : tensor or structure of tensors, optional
        The same with less in them, which shows what time axes vary.

    Returns
    -------
    list of Output
        One entry per call of a layer, in the order in which the calls returned.
    """
    if not (base.built and all(layer.built for _, layer in walk(base))):
        base(inputs, training=False)
    events, returned = forward(base, inputs)
    calls = by_call(events)
    others = by_call(forward(base, shorter)[0]) if shorter is not None else calls
    model_outputs = {id(tensor) for tensor in keras.tree.flatten(returned)}
    paths: dict[int, str] = {}
    for path, layer in walk(base):
        paths.setdefault(id(layer), path)
    totals = Counter(id(event.layer) for event in events)
    return [
        Output(
            path=paths[id(event.layer)],
            layer=event.layer,
            call=call,
            n_calls=totals[id(event.layer)],
            # A layer over time makes fewer calls for fewer steps, so one may have nothing to be compared with.
            shape=_shape(event.output, others.get((key, call), event).output),
            length=_length(event.output),
            masked=event.mask is not None,
            usable=_is_feature(event.output),
            numbers=ops.convert_to_numpy(event.output) if _is_numbers(event.output) else None,
            is_model_output=id(event.output) in model_outputs,
        )
        for (key, call), event in calls.items()
    ]


def by_call(events: Sequence[Event]) -> dict[tuple[int, int], Event]:
    """Return the calls of a run by the identity of the layer and the number of the call, in their order."""
    totals: Counter[int] = Counter()
    found = {}
    for event in events:
        found[id(event.layer), totals[id(event.layer)]] = event
        totals[id(event.layer)] += 1
    return found


def _shape_of(value: Any) -> tuple[int, ...]:
    return tuple(value.shape[1:]) if _is_tensor(value) else ()


def _length(value: Any) -> int:
    return next(iter(_shape_of(value)), 0) or 0


def _shape(value: Any, other: Any) -> Shape:
    shape, second = _shape_of(value), _shape_of(other)
    has_time = len(shape) == 2 or _is_numbers(value)
    return (None, *shape[1:]) if has_time and shape[:1] != second[:1] else shape


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _is_feature(value: Any) -> bool:
    """Whether a head can read it: a float tensor with at least one axis beside the batch.

    A symbolic tensor comes from a graph of its own, which cannot be looked into from outside.
    """
    if not _is_tensor(value) or tf.is_symbolic_tensor(value):
        return False
    return "float" in keras.backend.standardize_dtype(value.dtype) and len(value.shape) >= 2


def _is_numbers(value: Any) -> bool:
    """Whether it is a whole number per step."""
    if not _is_tensor(value) or tf.is_symbolic_tensor(value) or len(value.shape) != 2 or not value.shape[1]:
        return False
    return "int" in keras.backend.standardize_dtype(value.dtype)
