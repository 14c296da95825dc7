"""Finding the layers of a model by path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

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
    """Find a layer by its full path, by the end of its path where only one layer has it, or by its attribute."""
    layers = list(walk(base))
    exact = [layer for known, layer in layers if known == path]
    found = exact or [layer for known, layer in layers if known.endswith(f"/{path}")] or _held_at(path, base)
    if not found:
        raise unknown_name(argument, path, [known for known, _ in layers], "layer")
    if len({id(layer) for layer in found}) > 1:
        paths = [known for known, layer in layers if layer in found]
        raise InvalidInputError(f"`{argument}`: {len(paths)} layers are named {path!r}; give one of the paths {paths}.")
    return found[0]


def _held_at(path: str, base: keras.Model) -> list[keras.Layer]:
    """Return the layer that attributes lead to, such as ``"encoder.norm"`` or ``"blocks/0"`` of a list of layers."""
    found: Any = base
    for part in re.split(r"[./]", path):
        if isinstance(found, (list, tuple)) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        elif isinstance(found, keras.Layer) and part in vars(found):
            found = vars(found)[part]
        else:
            return []
    return [found] if isinstance(found, keras.Layer) else []


def layer_of(layer: keras.Layer, base: keras.Model, argument: str = "at") -> keras.Layer:
    """Check that a layer is one of a model."""
    known = list(walk(base))
    if not any(each is layer for _, each in known):
        raise InvalidInputError(
            f"`{argument}`: layer {layer.name!r} is not in the model {base.name!r}, though another one may have its "
            f"name; take one of its own layers, such as {known[0][0] if known else None!r}."
        )
    return layer


def layer_at(index: int, base: keras.Model, argument: str = "at") -> keras.Layer:
    """Find a layer by its index."""
    if not -len(base.layers) <= index < len(base.layers):
        raise InvalidInputError(f"`{argument}`: the model has {len(base.layers)} layers; got index {index}.")
    return base.layers[index]
