"""Taps: which tensor of the base model each head reads, named by the user or chosen by the rule for ``at="auto"``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, TypeAlias

import keras
import numpy as np

from auxtasks.errors import AuxTasksWarning, InvalidInputError, wrong_type
from auxtasks.keras.layers import find_layer, layer_at, layer_of
from auxtasks.keras.trial import Output, Shape, Trial
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
        found[name] = replace(output, shape=_grid_shape(output, trial)) if _has_place(spec) else output
    _warn_of_frozen(found, trial)
    return found


def _is_auto(tap: Tap) -> bool:
    return isinstance(tap.layer, str) and tap.layer == "auto"


def _resolve(tap: Tap, spec: TargetSpec, base: keras.Model, trial: Trial) -> Output:
    if _is_auto(tap):
        return _auto_tap(spec, trial)
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
    known = _stages(outputs)
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
    if spec.kind == "step_class" and not trial.keeps_steps(spec, output):
        found = f"{output.length} steps" if output.rank == 2 else f"no time axis (a sample has shape {output.shape})"
        raise InvalidInputError(
            f"`at`: target {spec.name!r} has a class for each of {spec.shape[0]} steps, but the output of layer "
            f"{output.path!r} has {found}. {_use_instead(spec)}, or choose a layer that keeps the steps."
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
        _warn(
            f"`at`: target {spec.name!r} asks for the {spec.lookahead} step, but the output of layer {output.path!r} "
            f"already holds that step, so its head can copy it. {_way_out(spec)}"
        )
    elif seen is None:
        _warn(
            f"`at`: target {spec.name!r} asks for the {spec.lookahead} step, but it could not be tested whether the "
            f"model sees this step; check that the tap {output.path!r} does not see the {spec.lookahead} step."
        )


def _warn(message: str) -> None:
    warnings.warn(message, AuxTasksWarning, stacklevel=5)


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
        _warn(
            f"`at`: all weights at and below {layers} are frozen, so the heads there ({', '.join(frozen)}) have no "
            f"effect on the model. Make some trainable, or choose a layer further up{_suggested(trial)}."
        )


def _warn_of_better(spec: TargetSpec, output: Output, trial: Trial) -> None:
    """Warn of a tap that lacks what a target needs, where a layer that is called more than once has it."""
    better = _better_by_call(spec, output, trial)
    if better is not None:
        _warn(
            f"`at`: target {spec.name!r} of {spec.size} numbers is read at layer {output.path!r}, of whose output a "
            f"sample has shape {output.shape}, since 'auto' leaves out layers that are called more than once. Name "
            f"the call to read, such as at=Tap({better.path!r}, call={better.call}), where a sample has shape "
            f"{better.shape}."
        )


def _auto_tap(spec: TargetSpec, trial: Trial) -> Output:
    """Choose the tap of a task: the deepest tensor of the trunk that still has what the target needs, or the first.

    A target with a place in the input (``spatial="grid"``, images) needs the axes of a feature map, or the tokens of a
    grid of patches; a target per step needs the time axis at the target's own length, and must not find the answer
    there; any other reads what the main head reads. A target per step of ``level="low"`` reads the first tensor that
    has all this (Søgaard and Goldberg 2016, Deep multi-task learning with low level tasks supervised at lower layers).
    What no trained weight lies below teaches the model nothing, and is taken only where all else is frozen too.
    """
    groups = _by_preference(spec, trial)
    for state in ("trained", "frozen"):
        for group in groups:
            order = group if spec.level == "low" and state == "trained" else group[::-1]
            learned = (output for output in order if trial.is_learned(output, state))
            blind = next((output for output in learned if not trial.sees(spec, output)), None)
            if blind is not None:
                return blind
    if any(trial.is_learned(output) for output in groups[-1]):
        raise InvalidInputError(
            f"`at`: target {spec.name!r} asks for the {spec.lookahead} step, but every layer of the trunk that could "
            f"predict it already holds that step, so a head would copy it. {_way_out(spec)}"
        )
    raise _nothing_shared()


def _by_preference(spec: TargetSpec, trial: Trial) -> list[list[Output]]:
    """Return the tensors that could be a target's tap; a later group serves where no earlier one is learned."""
    shared = trunk(trial.outputs)
    if spec.kind in STEP_KINDS:
        fitting = [output for output in shared if trial.keeps_steps(spec, output)]
        if not fitting and spec.kind == "step_class":
            raise InvalidInputError(
                f"`at`: target {spec.name!r} has a class for each of {spec.shape[0]} steps, but no layer of the trunk "
                f"keeps that many steps{_lengths(shared)}. {_use_instead(spec)}, or a model that keeps the time axis."
            )
        fitting = fitting or [output for output in shared if output.rank == 2] or shared
        return [_features(fitting), fitting]
    if _has_place(spec):
        fitting = [output for output in shared if len(_grid_shape(output, trial)) >= 3]
        return [_features(fitting), fitting, shared]
    return [shared]


def _features(outputs: list[Output]) -> list[Output]:
    """Leave out tensors with one number per place, such as the weights by which places are averaged."""
    return [output for output in outputs if output.shape[-1] != 1]


def _has_place(spec: TargetSpec) -> bool:
    """Tell whether a target says where in an image something is."""
    return spec.kind == "image" or (spec.spatial == "grid" and spec.kind not in STEP_KINDS)


def _grid_shape(output: Output, trial: Trial) -> Shape:
    """Return the shape of a tensor, which is that of a map where its tokens are the patches of an image."""
    patches = _patches(trial)
    if output.rank == 2 and patches is not None and output.shape[0] in (prod(patches), prod(patches) + 1):
        return (*patches, output.shape[1])
    return output.shape


def _patches(trial: Trial) -> tuple[int, int] | None:
    """Return the grid of patches that images are cut into; None if they are not.

    Told by the first tensor with as many tokens as a grid in the proportions of the image has, or one more, for the
    class: later ones may have other axes, such as a mixer's, whose tokens are channels.
    """
    if trial.samples.image_size is None:
        return None
    sequences = (output.shape[0] or 0 for output in trial.outputs if output.usable and output.rank == 2)
    grids = (_grid(n, trial.samples.image_size) for length in sequences for n in (length, length - 1))
    return next((grid for grid in grids if grid is not None), None)


def _grid(n_patches: int, image: tuple[int, int]) -> tuple[int, int] | None:
    height, width = image
    rows = round((max(n_patches, 0) * height / width) ** 0.5)
    if rows < 2 or n_patches % rows or rows * width != n_patches // rows * height:
        return None
    return rows, n_patches // rows


def _better_by_call(spec: TargetSpec, tap: Output, trial: Trial) -> Output | None:
    """Return a layer called more than once that would serve a target better than its tap; None if there is none.

    Such as the encoder of a siamese network, of which only the distance of two codes is called once.
    """
    called = _inside_models([output for output in trial.outputs if output.usable], trial.outputs)
    call = trial.samples.own or 0
    often = [each for each in called if each.n_calls > 1 and each.call == min(call, each.n_calls - 1)]
    often = [output for output in often if trial.is_learned(output)]
    if _has_place(spec) and len(_grid_shape(tap, trial)) < 3:
        maps = [output for output in often if len(_grid_shape(output, trial)) >= 3]
        if maps:
            return maps[-1]
    narrow = _n_features(tap)
    wider = [output for output in often if narrow < spec.size and narrow < _n_features(output)]
    return wider[-1] if wider else None


def _n_features(output: Output) -> int:
    return prod(length or 1 for length in output.shape)


def _stages(outputs: Sequence[Output]) -> list[Output]:
    found = _inside_models([output for output in outputs if output.usable and output.n_calls == 1], outputs)
    if not found:
        raise InvalidInputError(
            "`at`: the model has no layer of its own whose output a head could read; name a layer inside it instead. "
            "Layers called inside a tf.function cannot be read; leave that decorator out."
        )
    return found


def _inside_models(some: Sequence[Output], outputs: Sequence[Output]) -> list[Output]:
    """Leave out whole models, and what a layer has inside, such as the cell of an RNN."""
    models = {output.path for output in outputs if isinstance(output.layer, keras.Model)}
    return [output for output in some if output.path not in models and _parents(output.path) <= models]


def trunk(outputs: Sequence[Output]) -> list[Output]:
    """Return the stages below the main head, which is the last layer with weights and what follows it."""
    known = _stages(outputs)
    weighted = [index for index, output in enumerate(known) if output.layer.weights]
    below = known[: weighted[-1]] if weighted else known
    shared = [output for output in below if not output.is_model_output]
    # What lies before the last stage counts also where it is called more than once, as a shared encoder is.
    if not shared or not any(output.layer.weights for output in outputs[: outputs.index(shared[-1]) + 1]):
        raise _nothing_shared()
    return shared


def _nothing_shared() -> InvalidInputError:
    return InvalidInputError(
        "`at`: below its last layer the model has no layer with weights that auxiliary tasks could share. Give the "
        "layer by name, or put a hidden layer before the output."
    )


def _parents(path: str) -> set[str]:
    parts = path.split("/")
    return {"/".join(parts[:depth]) for depth in range(1, len(parts))}


def _lengths(outputs: Sequence[Output]) -> str:
    found = sorted({output.length for output in outputs if output.rank == 2})
    return f" (they have {', '.join(map(str, found))})" if found else ""


def _use_instead(spec: TargetSpec) -> str:
    return f"Use {spec.per_sample!r} instead" if spec.per_sample else "Use a target per sample instead"


def _way_out(spec: TargetSpec) -> str:
    """Say how a tensor is had that does not hold the step a target asks for."""
    direction = "padding='causal' in Conv1D, use_causal_mask=True in attention, a plain forward RNN"
    if spec.lookahead == "previous":
        direction = "an RNN with go_backwards=True whose steps are put in order again"
    return (
        "Read a layer below the one that mixes steps (an embedding, or Dense layers on it), let every layer up to the "
        f"tap look one way only ({direction}), or use another task."
    )
