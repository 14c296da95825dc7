"""Finding the layers of a model by path."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from auxtasks.errors import InvalidInputError, unknown_name
from auxtasks.keras.private import layers_in


def direct_layers(model: keras.Layer) -> list[keras.Layer]:
    """Return the layers directly inside a model or layer, inputs left out."""
    inside = model.layers if isinstance(model, keras.Model) else layers_in(model, nested=False)
    return [layer for layer in inside if not isinstance(layer, keras.layers.InputLayer)]


def walk(model: keras.Layer, prefix: str = "", seen: frozenset[int] = frozenset()) -> Iterator[tuple[str, keras.Layer]]:
    """Yield every layer inside a model with its path, outermost first."""
    for layer in direct_layers(model):
        if id(layer) in seen:
            continue
        path = f"{prefix}{layer.name}"
        yield path, layer
        yield from walk(layer, f"{path}/", seen | {id(layer)})


def find_layer(path: str, base: keras.Model, argument: str = "at") -> keras.Layer:
    """Find a layer by its full path, or by the end of its path where only one layer has it."""
    layers = list(walk(base))
    exact = [layer for known, layer in layers if known == path]
    found = exact or [layer for known, layer in layers if known.endswith(f"/{path}")]
    if not found:
        raise unknown_name(argument, path, [known for known, _ in layers], "layer")
    if len({id(layer) for layer in found}) > 1:
        paths = [known for known, layer in layers if layer in found]
        raise InvalidInputError(f"`{argument}`: {len(paths)} layers are named {path!r}; give one of the paths {paths}.")
    return found[0]


def layer_at(index: int, base: keras.Model, argument: str = "at") -> keras.Layer:
    """Find a layer by its index."""
    if not -len(base.layers) <= index < len(base.layers):
        raise InvalidInputError(f"`{argument}`: the model has {len(base.layers)} layers; got index {index}.")
    return base.layers[index]
