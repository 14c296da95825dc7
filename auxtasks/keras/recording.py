"""Reading the outputs of layers while a model runs forward, without changing the model.

A layer's ``call`` is shadowed by an instance attribute only for as long as a recording is open. That reaches
subclassed models and layers nested at any depth, which a functional graph does not show. Distribution strategies
trace their replicas in threads, so what is recorded belongs to the thread and the shadowing is counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import keras

from auxtasks.keras.private import mask_of


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
    """Record every call of some layers made in this thread."""
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
