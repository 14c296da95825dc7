"""Taps: which tensor of the base model each head reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TypeAlias

import keras

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.keras.depth import auto_tap, stages
from auxtasks.keras.layers import Output, walk
from auxtasks.specs import TargetSpec


@dataclass(frozen=True)
class Tap:
    """The output of one layer, and of one of its calls where the model calls it more than once.

    Parameters
    ----------
    layer : str, int or float
        A layer name, a path into nested models such as ``"backbone/block_6_expand_relu"``, an index into
        ``model.layers``, a fraction of the depth from 0.0 to 1.0, or ``"auto"``.
    call : int, optional
        Which call of the layer, counted from 0 in the order of the forward pass. Needed only for a layer that is
        called more than once, such as an encoder shared by two inputs.

    Examples
    --------
    >>> Tap("encoder", call=0)
    Tap(layer='encoder', call=0)
    """

    layer: str | int | float
    call: int | None = None


Where: TypeAlias = "Tap | str | int | float"
"""A `Tap` or what its `layer` may be."""


def resolve_taps(
    at: Where | Mapping[str, Where], specs: Mapping[str, TargetSpec], base: keras.Model, outputs: Sequence[Output]
) -> dict[str, Output]:
    """Find the tensor that each task's head reads.

    Parameters
    ----------
    at : Tap, str, int, float or mapping of task to these
        As `attach_heads` takes it. Tasks that a mapping leaves out are ``"auto"``.
    specs : mapping of str to TargetSpec
        The tasks.
    base : keras.Model
        The model.
    outputs : sequence of Output
        What `trial_run` saw.

    Returns
    -------
    dict of str to Output
        One tensor a task.

    Raises
    ------
    UnknownNameError
        If a task or layer does not exist; the nearest names are given.
    InvalidInputError
        If a layer is called more than once and `Tap.call` does not tell which, is never called, or returns nothing
        a head can read; or if an index or fraction is out of range.
    InvalidTypeError
        If an entry is of another type.
    """
    if not isinstance(at, Mapping):
        return {name: _resolve(at, spec, base, outputs) for name, spec in specs.items()}
    for name in at:
        if name not in specs:
            raise unknown_name("at", name, specs, "auxiliary target")
    return {name: _resolve(at.get(name, "auto"), spec, base, outputs) for name, spec in specs.items()}


def _resolve(where: Where, spec: TargetSpec, base: keras.Model, outputs: Sequence[Output]) -> Output:
    tap = where if isinstance(where, Tap) else Tap(where)
    if tap.layer == "auto":
        return auto_tap(spec, outputs)
    if isinstance(tap.layer, str):
        return _choose_call(tap, _find_layer(tap.layer, base), outputs)
    if isinstance(tap.layer, bool) or not isinstance(tap.layer, Real):
        raise InvalidTypeError(
            f"`at` takes a layer name, an index, a fraction of the depth or 'auto'; got {tap.layer!r} of type "
            f"{type(tap.layer).__name__} for target {spec.name!r}."
        )
    if isinstance(tap.layer, Integral):
        return _choose_call(tap, _layer_at(int(tap.layer), base), outputs)
    return _at_fraction(float(tap.layer), outputs)


def _find_layer(path: str, base: keras.Model) -> keras.Layer:
    """Find a layer by its full path, or by the end of its path where only one layer has it."""
    layers = list(walk(base))
    exact = [layer for known, layer in layers if known == path]
    found = exact or [layer for known, layer in layers if known.endswith(f"/{path}")]
    if not found:
        raise unknown_name("at", path, [known for known, _ in layers], "layer")
    if len({id(layer) for layer in found}) > 1:
        paths = [known for known, layer in layers if layer in found]
        raise InvalidInputError(f"`at`: {len(paths)} layers are named {path!r}; give one of the paths {paths}.")
    return found[0]


def _layer_at(index: int, base: keras.Model) -> keras.Layer:
    if not -len(base.layers) <= index < len(base.layers):
        raise InvalidInputError(f"`at`: the model has {len(base.layers)} layers; got index {index}.")
    return base.layers[index]


def _at_fraction(fraction: float, outputs: Sequence[Output]) -> Output:
    if not 0.0 <= fraction <= 1.0:
        raise InvalidInputError(f"`at`: a fraction of the depth lies from 0.0 to 1.0; got {fraction!r}.")
    known = stages(outputs)
    return known[round(fraction * (len(known) - 1))]


def _choose_call(tap: Tap, layer: keras.Layer, outputs: Sequence[Output]) -> Output:
    calls = [output for output in outputs if output.layer is layer]
    if not calls:
        raise InvalidInputError(
            f"`at`: layer {layer.name!r} is not called when the model runs; choose another layer, such as one of "
            f"{_suggest(outputs)}."
        )
    if tap.call is None and len(calls) > 1:
        raise InvalidInputError(
            f"`at`: layer {layer.name!r} is called {len(calls)} times in one forward pass. Say which call to read, "
            f"such as Tap({tap.layer!r}, call=0), or choose another layer."
        )
    call = tap.call or 0
    if not 0 <= call < len(calls):
        raise InvalidInputError(f"`at`: layer {layer.name!r} is called {len(calls)} times; got call={tap.call!r}.")
    if not calls[call].usable:
        raise InvalidInputError(
            f"`at`: layer {layer.name!r} does not return a float tensor with a feature axis, so no head can read it; "
            f"choose another layer, such as one of {_suggest(outputs)}."
        )
    return calls[call]


def _suggest(outputs: Sequence[Output]) -> list[str]:
    counts = Counter(output.path for output in outputs if output.usable)
    return [path for path, count in counts.items() if count == 1][-5:]
