"""Taps: which tensor of the base model each head reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TypeAlias

import keras

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.keras.depth import auto_tap
from auxtasks.keras.layers import find_layer, layer_at
from auxtasks.keras.stages import stage_at
from auxtasks.keras.stepwise import check_steps, check_tokens, check_tried
from auxtasks.keras.trial import Output, Trial
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
    at: Where | Mapping[str, Where], specs: Mapping[str, TargetSpec], base: keras.Model, trial: Trial
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
    trial : Trial
        What is known of the model.

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
    if isinstance(at, Mapping):
        for name in at:
            if name not in specs:
                raise unknown_name("at", name, specs, "auxiliary target")
    wheres = {name: at.get(name, "auto") if isinstance(at, Mapping) else at for name in specs}
    found = {}
    for name, spec in specs.items():  # a loop, since some versions of Python count a comprehension in the stack
        found[name] = _resolve(wheres[name], spec, base, trial)
        check_tokens(spec, found[name], trial)
        check_tried(spec, found[name], trial)
    return found


def _resolve(where: Where, spec: TargetSpec, base: keras.Model, trial: Trial) -> Output:
    tap = where if isinstance(where, Tap) else Tap(where)
    if tap.layer == "auto":
        return auto_tap(spec, trial)
    if isinstance(tap.layer, str):
        output = _choose_call(tap, find_layer(tap.layer, base), trial.outputs)
    elif isinstance(tap.layer, bool) or not isinstance(tap.layer, Real):
        raise InvalidTypeError(
            f"`at` takes a layer name, an index, a fraction of the depth or 'auto'; got {tap.layer!r} of type "
            f"{type(tap.layer).__name__} for target {spec.name!r}."
        )
    elif isinstance(tap.layer, Integral):
        output = _choose_call(tap, layer_at(int(tap.layer), base), trial.outputs)
    else:
        output = stage_at(float(tap.layer), trial.outputs)
    check_steps(spec, output, trial)
    return output


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
