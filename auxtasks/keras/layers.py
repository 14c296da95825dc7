"""Finding the layers of a model by path."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from auxtasks.errors import InvalidInputError, unknown_name


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


def find_layer(path: str, base: keras.Model, argument: str = "at") -> keras.Layer:
    """Find a layer by its full path, or by the end of its path where only one layer has it.

    Parameters
    ----------
    path : str
        A name or path.
    base : keras.Model
        The model.
    argument : str, default "at"
        What the name was given as, for the error.

    Returns
    -------
    keras.Layer
        The layer.

    Raises
    ------
    UnknownNameError
        If there is none.
    InvalidInputError
        If there are several.
    """
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
    """Find a layer by its index.

    Parameters
    ----------
    index : int
        Into ``base.layers``; negative ones count from the end.
    base : keras.Model
        The model.
    argument : str, default "at"
        What the index was given as, for the error.

    Returns
    -------
    keras.Layer
        The layer.

    Raises
    ------
    InvalidInputError
        If there is none.
    """
    if not -len(base.layers) <= index < len(base.layers):
        raise InvalidInputError(f"`{argument}`: the model has {len(base.layers)} layers; got index {index}.")
    return base.layers[index]
