"""The layers of a model: found by path, and read while it runs forward, without changing the model.

A layer's ``call`` is shadowed by an instance attribute only for as long as a recording is open. That reaches
subclassed models and layers nested at any depth, which a functional graph does not show. Distribution strategies
trace their replicas in threads, so what is recorded belongs to the thread and the shadowing is counted.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import keras

from auxtasks.errors import InvalidInputError, unknown_name
from auxtasks.keras.private import layers_in, mask_of


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


def first_paths(model: keras.Layer) -> dict[int, str]:
    """Return the path of each layer inside a model, by its identity; the first where it is found at several."""
    return {id(layer): path for path, layer in reversed(list(walk(model)))}


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
    known = list(walk(base))
    if not any(each is layer for _, each in known):
        raise InvalidInputError(
            f"`{argument}`: layer {layer.name!r} is not in the model {base.name!r}, though another one may have its "
            f"name; take one of its own layers, such as {known[0][0] if known else None!r}."
        )
    return layer


def layer_at(index: int, base: keras.Model, argument: str = "at") -> keras.Layer:
    if not -len(base.layers) <= index < len(base.layers):
        raise InvalidInputError(f"`{argument}`: the model has {len(base.layers)} layers; got index {index}.")
    return base.layers[index]


@dataclass(frozen=True)
class Event:
    """One call of a recorded layer: the layer and the (first) tensor it returned."""

    layer: keras.Layer
    output: Any

    @property
    def mask(self) -> Any:
        """The time mask that Keras set on the output after the call, or None."""
        return mask_of(self.output)


Notice = Callable[[keras.Layer, Any, Any], None]
"""Is told of a call once it is made: the layer, the first thing it was given, and the (first) tensor it returned."""


class _Thread(threading.local):
    """The recordings open in this thread, innermost last."""

    def __init__(self) -> None:
        self.open: list[tuple[set[int], list[Event], Notice | None]] = []


_thread = _Thread()
_lock = threading.Lock()
_shadowed: dict[int, tuple[keras.Layer, int, Any]] = {}
_ABSENT = object()


@contextmanager
def recording(layers: Iterable[keras.Layer], notice: Notice | None = None) -> Iterator[list[Event]]:
    wanted = list({id(layer): layer for layer in layers}.values())
    events: list[Event] = []
    with _lock:
        for layer in wanted:
            _shadow(layer)
    _thread.open.append(({id(layer) for layer in wanted}, events, notice))
    try:
        yield events
    finally:
        _thread.open.pop()
        with _lock:
            for layer in wanted:
                _unshadow(layer)


def _shadow(layer: keras.Layer) -> None:
    _, count, original = _shadowed.get(id(layer), (layer, 0, _ABSENT))
    if count == 0:
        # Straight into __dict__: Keras's own __setattr__ would track the change.
        original = layer.__dict__.get("call", _ABSENT)
        layer.__dict__["call"] = _listening(layer, layer.call)
    _shadowed[id(layer)] = (layer, count + 1, original)


def _unshadow(layer: keras.Layer) -> None:
    _, count, original = _shadowed[id(layer)]
    if count > 1:
        _shadowed[id(layer)] = (layer, count - 1, original)
        return
    del _shadowed[id(layer)]
    if original is _ABSENT:
        del layer.__dict__["call"]
    else:
        layer.__dict__["call"] = original


def _listening(layer: keras.Layer, call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def listening_call(*args: Any, **kwargs: Any) -> Any:
        returned = call(*args, **kwargs)
        tensor = returned[0] if isinstance(returned, (tuple, list)) and returned else returned
        for wanted, events, notice in _thread.open:
            if id(layer) in wanted:
                events.append(Event(layer, tensor))
                if notice is not None:
                    notice(layer, next(iter((*args, *kwargs.values())), None), tensor)
        return returned

    return listening_call
