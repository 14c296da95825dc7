"""Finding the layers of a model by path, and what they return."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from auxtasks.keras.recording import recording


def direct_layers(model: keras.Layer) -> list[keras.Layer]:
    """Return the layers directly inside a model or layer, inputs left out.

    Parameters
    ----------
    model : keras.Layer
        A model of any kind, or a layer made of layers.

    Returns
    -------
    list of keras.Layer
        In the order in which Keras lists them.
    """
    if isinstance(model, keras.Model):
        inside = model.layers
    else:
        inside = model._flatten_layers(include_self=False, recursive=False)
    return [layer for layer in inside if not isinstance(layer, keras.layers.InputLayer)]


def walk(model: keras.Layer, prefix: str = "", seen: frozenset[int] = frozenset()) -> Iterator[tuple[str, keras.Layer]]:
    """Yield every layer inside a model with its path, outermost first.

    Parameters
    ----------
    model : keras.Layer
        Where to start; not yielded itself.
    prefix : str
        What paths begin with.
    seen : frozenset of int
        Layers on the way here, so that a layer that refers back to its parent ends the walk.

    Yields
    ------
    path : str
        The names of the layers from the model down, joined by ``/``.
    layer : keras.Layer
        The layer.
    """
    for layer in direct_layers(model):
        if id(layer) in seen:
            continue
        path = f"{prefix}{layer.name}"
        yield path, layer
        yield from walk(layer, f"{path}/", seen | {id(layer)})


@dataclass(frozen=True)
class Output:
    """What one call of a layer returned in a trial run."""

    path: str
    layer: keras.Layer
    call: int
    n_calls: int
    shape: tuple[int, ...]
    masked: bool
    usable: bool
    is_model_output: bool

    @property
    def rank(self) -> int:
        """The number of dimensions beside the batch."""
        return len(self.shape)


def trial_run(base: keras.Model, inputs: Any) -> list[Output]:
    """Run a model forward on a few samples and list what each layer returned, in order.

    The run changes nothing: it is made in inference mode, and whatever it assigns to variables (such as the state of
    random generators) is thrown away. An unbuilt model is built first, as its first ``fit`` would do.

    Parameters
    ----------
    base : keras.Model
        The model.
    inputs : array or structure of arrays
        A few samples.

    Returns
    -------
    list of Output
        One entry per call of a layer, in the order in which the calls returned.
    """
    if not _is_built(base):
        base(inputs, training=False)
    paths: dict[int, str] = {}
    layers: dict[int, keras.Layer] = {}
    for path, layer in walk(base):
        paths.setdefault(id(layer), path)
        layers[id(layer)] = layer
    with keras.StatelessScope(), recording(layers.values()) as events:
        returned = base(inputs, training=False)
    model_outputs = {id(tensor) for tensor in keras.tree.flatten(returned)}
    totals: dict[int, int] = {}
    numbered = []
    for event in events:
        call = totals.get(id(event.layer), 0)
        totals[id(event.layer)] = call + 1
        numbered.append((event, call))
    return [
        Output(
            path=paths[id(event.layer)],
            layer=event.layer,
            call=call,
            n_calls=totals[id(event.layer)],
            shape=tuple(event.output.shape[1:]) if _is_tensor(event.output) else (),
            masked=event.mask is not None,
            usable=_is_feature(event.output),
            is_model_output=id(event.output) in model_outputs,
        )
        for event, call in numbered
    ]


def _is_built(base: keras.Model) -> bool:
    return bool(base.built) and all(layer.built for _, layer in walk(base))


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _is_feature(value: Any) -> bool:
    """Whether a head can read it: a float tensor with at least one axis beside the batch.

    A symbolic tensor comes from a graph of its own, which cannot be looked into from outside.
    """
    if not _is_tensor(value) or tf.is_symbolic_tensor(value):
        return False
    return "float" in keras.backend.standardize_dtype(value.dtype) and len(value.shape) >= 2
