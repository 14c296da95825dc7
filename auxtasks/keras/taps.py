"""Taps: which tensor of the base model each head reads."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import keras
import numpy as np

from auxtasks.errors import AuxTasksWarning, InvalidInputError, wrong_type
from auxtasks.keras.auto_taps import auto_tap, better_by_call, grid_shape, has_place, stages, use_instead, way_out
from auxtasks.keras.layers import find_layer, layer_at, layer_of
from auxtasks.keras.trial import Output, Trial
from auxtasks.specs import STEP_KINDS, TargetSpec
from auxtasks.validation import check_int, check_keys, is_integer, is_number


@dataclass(frozen=True)
class Tap:
    """The output of one layer, and of one of its calls where the model calls it more than once.

    Parameters
    ----------
    layer : str, int, float or keras.Layer
        A layer name, a path into nested models such as ``"backbone/block_6_expand_relu"``, the attribute of a
        subclassed model that holds the layer, an index into ``model.layers``, a fraction of the depth from 0.0 to 1.0,
        ``"auto"``, or the layer itself.
    call : int, optional
        Which call of the layer, counted from 0 in the order of the forward pass. Needed only for a layer that is
        called more than once, such as an encoder shared by two inputs.

    Examples
    --------
    >>> Tap("encoder", call=0)
    Tap(layer='encoder', call=0)
    """

    layer: str | int | float | keras.Layer
    call: int | None = None


Where: TypeAlias = Tap | str | int | float | keras.Layer
"""A `Tap` or what its `layer` may be."""


def resolve_taps(
    at: Mapping[str, Where], specs: Mapping[str, TargetSpec], base: keras.Model, trial: Trial
) -> dict[str, Output]:
    """Find the tensor that each task's head reads, in the shape in which it reads it."""
    check_keys("at", at, specs, "auxiliary target")
    found = {}
    for name, spec in specs.items():  # a loop, since some versions of Python count a comprehension in the stack
        where = at.get(name, "auto")
        tap = where if isinstance(where, Tap) else Tap(where)
        output = _resolve(tap, spec, base, trial)
        _check_tokens(spec, output, trial)
        _warn_of_answer(spec, output, trial)
        if _is_auto(tap):
            _warn_of_better(spec, output, trial)
        found[name] = replace(output, shape=grid_shape(output, trial)) if has_place(spec) else output
    _warn_of_frozen(found, trial)
    return found


def _is_auto(tap: Tap) -> bool:
    return isinstance(tap.layer, str) and tap.layer == "auto"


def _resolve(tap: Tap, spec: TargetSpec, base: keras.Model, trial: Trial) -> Output:
    if _is_auto(tap):
        return auto_tap(spec, trial)
    layer = layer_where(tap.layer, base, trial.outputs, whose=f" for target {spec.name!r}")
    output = _choose_call(tap, layer, trial)
    _check_steps(spec, output, trial)
    _check_learned(spec, output, trial)
    return output


def layer_where(
    where: Any, base: keras.Model, outputs: Sequence[Output], argument: str = "at", whose: str = ""
) -> keras.Layer:
    """Find a layer by its name, path or attribute, its index, or a fraction of the depth; or the layer itself."""
    if isinstance(where, str):
        return find_layer(where, base, argument)
    if isinstance(where, keras.Layer):
        return layer_of(where, base, argument)
    if not is_number(where):
        expected = f"a layer or its name, an index, a fraction of the depth or 'auto'{whose}"
        raise wrong_type(argument, expected, where)
    if is_integer(where):
        return layer_at(int(where), base, argument)
    fraction = float(where)
    if not 0.0 <= fraction <= 1.0:
        raise InvalidInputError(f"`{argument}`: a fraction of the depth must be from 0.0 to 1.0; got {fraction!r}.")
    known = stages(outputs)
    return known[round(fraction * (len(known) - 1))].layer


def _choose_call(tap: Tap, layer: keras.Layer, trial: Trial) -> Output:
    calls = [output for output in trial.outputs if output.layer is layer]
    if not calls:
        raise InvalidInputError(
            f"`at`: layer {layer.name!r} is not called when the model runs; choose another layer{_suggested(trial)}."
        )
    if tap.call is None and len(calls) > 1:
        raise InvalidInputError(
            f"`at`: layer {layer.name!r} is called {len(calls)} times in one forward pass. Say which call to read, "
            f"such as Tap({calls[0].path!r}, call=0), or choose another layer."
        )
    call = 0 if tap.call is None else check_int("call", tap.call, low=0)
    if call >= len(calls):
        raise InvalidInputError(f"`at`: layer {layer.name!r} is called {len(calls)} times; got call={tap.call!r}.")
    output = calls[call]
    if output.is_feature and not output.per_sample:
        raise InvalidInputError(
            f"`at`: layer {layer.name!r} returned {output.value.shape[0]} rows for {trial.n_samples} samples in the "
            f"trial run (shape {tuple(output.value.shape)}), so its rows are not samples; choose another "
            f"layer{_suggested(trial)}."
        )
    if not output.usable:
        raise InvalidInputError(
            f"`at`: layer {layer.name!r} does not return a float tensor with a feature axis, so no head can read it; "
            f"choose another layer{_suggested(trial)}."
        )
    return output


def _suggested(trial: Trial) -> str:
    known = [each for each in trial.outputs if each.usable and each.n_calls == 1 and not each.is_model_output]
    paths = [output.path for output in known if trial.is_learned(output)]
    return f", such as one of {paths[-5:]}" if paths else ""


def _check_steps(spec: TargetSpec, output: Output, trial: Trial) -> None:
    """Refuse a tap without the steps of a target."""
    if spec.kind == "step_class" and not trial.keeps_steps(spec, output):
        found = f"{output.length} steps" if output.rank == 2 else f"no time axis (a sample has shape {output.shape})"
        raise InvalidInputError(
            f"`at`: target {spec.name!r} has a class for each of {spec.shape[0]} steps, but the output of layer "
            f"{output.path!r} has {found}. {use_instead(spec)}, or choose a layer that keeps the steps."
        )


def _check_tokens(spec: TargetSpec, output: Output, trial: Trial) -> None:
    """Refuse targets that count other tokens than the model makes: they would be learnt at the wrong steps."""
    if spec.kind not in STEP_KINDS or output.rank != 2 or trial.counted is None:
        return
    counted, reach = trial.counted, min(spec.shape[0], output.shape[0] or spec.shape[0])
    found = trial.made_along(output)
    different = [np.flatnonzero(np.minimum(made, reach) != np.minimum(counted, reach)) for made in found]
    if all(map(len, different)) and found:
        row = different[0][0]
        raise InvalidInputError(
            f"`targets`: {spec.name!r} counts {counted[row]} tokens in a text of the trial run, but the model makes "
            f"{found[0][row]} tokens. Compute the targets with the model's own tokenizer: make_aux_targets(..., "
            "tokenizer=layer)."
        )


def _warn_of_answer(spec: TargetSpec, output: Output, trial: Trial) -> None:
    """Warn of a tap that holds the step that a target asks for, or of which it could not be tried."""
    seen = trial.sees(spec, output) if spec.kind in STEP_KINDS else False
    if seen:
        warnings.warn(
            f"`at`: target {spec.name!r} asks for the {spec.lookahead} step, but the output of layer {output.path!r} "
            f"already holds that step, so its head can copy it. {way_out(spec)}",
            AuxTasksWarning,
            stacklevel=4,
        )
    elif seen is None:
        warnings.warn(
            f"`at`: target {spec.name!r} asks for the {spec.lookahead} step, but it could not be tested whether the "
            f"model sees this step; check that the tap {output.path!r} does not see the {spec.lookahead} step.",
            AuxTasksWarning,
            stacklevel=4,
        )


def _check_learned(spec: TargetSpec, output: Output, trial: Trial) -> None:
    """Refuse a tap below which the model has no weight: its head would learn alone."""
    if not trial.is_learned(output) and not trial.is_learned(output, "frozen"):
        raise InvalidInputError(
            f"`at`: the model has no weights at or below layer {output.path!r} that training changes, so the head of "
            f"{spec.name!r} would learn alone, without effect on the model. Choose a layer further "
            f"up{_suggested(trial)}."
        )


def _warn_of_frozen(taps: Mapping[str, Output], trial: Trial) -> None:
    """Warn of taps below which all weights are frozen, which may be for now."""
    frozen = {task: output.path for task, output in taps.items() if not trial.is_learned(output)}
    if frozen:
        layers = ", ".join(map(repr, dict.fromkeys(frozen.values())))
        warnings.warn(
            f"`at`: all weights at and below {layers} are frozen, so the heads there ({', '.join(frozen)}) have no "
            f"effect on the model. Make some trainable, or choose a layer further up{_suggested(trial)}.",
            AuxTasksWarning,
            stacklevel=4,
        )


def _warn_of_better(spec: TargetSpec, output: Output, trial: Trial) -> None:
    """Warn of a tap that lacks what a target needs, where a layer that is called more than once has it."""
    better = better_by_call(spec, output, trial)
    if better is not None:
        warnings.warn(
            f"`at`: target {spec.name!r} of {spec.size} numbers is read at layer {output.path!r}, of whose output a "
            f"sample has shape {output.shape}, since 'auto' leaves out layers that are called more than once. Name "
            f"the call to read, such as at=Tap({better.path!r}, call={better.call}), where a sample has shape "
            f"{better.shape}.",
            AuxTasksWarning,
            stacklevel=4,
        )
