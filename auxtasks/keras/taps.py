"""Taps: which tensor of the base model each head reads."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np

from auxtasks.errors import AuxTasksWarning, InvalidInputError, wrong_type
from auxtasks.keras.layers import find_layer, layer_at
from auxtasks.keras.trial import Output, Trial
from auxtasks.specs import STEP_KINDS, TargetSpec
from auxtasks.validation import check_int, check_keys, is_integer, is_number


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
    at: Mapping[str, Where], specs: Mapping[str, TargetSpec], base: keras.Model, trial: Trial
) -> dict[str, Output]:
    """Find the tensor that each task's head reads."""
    check_keys("at", at, specs, "auxiliary target")
    found = {}
    for name, spec in specs.items():  # a loop, since some versions of Python count a comprehension in the stack
        found[name] = _resolve(at.get(name, "auto"), spec, base, trial)
        _check_tokens(spec, found[name], trial)
        _warn_of_answer(spec, found[name], trial)
    return found


def _resolve(where: Where, spec: TargetSpec, base: keras.Model, trial: Trial) -> Output:
    tap = where if isinstance(where, Tap) else Tap(where)
    if isinstance(tap.layer, str) and tap.layer == "auto":
        return _auto_tap(spec, trial)
    layer = layer_where(tap.layer, base, trial.outputs, whose=f" for target {spec.name!r}")
    output = _choose_call(tap, layer, trial.outputs)
    _check_steps(spec, output, trial)
    return output


def layer_where(
    where: Any, base: keras.Model, outputs: Sequence[Output], argument: str = "at", whose: str = ""
) -> keras.Layer:
    """Find a layer by its name or path, its index, or a fraction of the depth."""
    if isinstance(where, str):
        return find_layer(where, base, argument)
    if not is_number(where):
        expected = f"a layer name, an index, a fraction of the depth or 'auto'{whose}"
        raise wrong_type(argument, expected, where)
    if is_integer(where):
        return layer_at(int(where), base, argument)
    fraction = float(where)
    if not 0.0 <= fraction <= 1.0:
        raise InvalidInputError(f"`{argument}`: a fraction of the depth lies from 0.0 to 1.0; got {fraction!r}.")
    known = _stages(outputs)
    return known[round(fraction * (len(known) - 1))].layer


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
    call = 0 if tap.call is None else check_int("call", tap.call, low=0)
    if call >= len(calls):
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


def _auto_tap(spec: TargetSpec, trial: Trial) -> Output:
    """Choose the tap of a task: the deepest tensor of the trunk that still has what the target needs, or the first.

    A target with a place in the input (``place="grid"``, images) needs the axes of a feature map, a target per step
    needs the time axis at the target's own length, and must not find the answer there; any other reads what the main
    head reads. A target per step of ``level="low"`` reads the first tensor that has all this and is learnt (Søgaard and
    Goldberg 2016, Deep multi-task learning with low level tasks supervised at lower layers).
    """
    shared = trunk(trial.outputs)
    if spec.kind in STEP_KINDS:
        fitting = [output for output in shared if trial.keeps_steps(spec, output)]
        if not fitting and spec.kind == "step_class":
            raise InvalidInputError(
                f"`at`: target {spec.name!r} has a class for each of {spec.shape[0]} steps, and no layer of the trunk "
                f"keeps that many steps{_lengths(shared)}. {_use_instead(spec)}, or a model that keeps the time axis."
            )
        fitting = fitting or [output for output in shared if output.rank == 2] or shared
        order = _learnt_first(fitting, trial.outputs) if spec.level == "low" else fitting[::-1]
        blind = next((output for output in order if not trial.sees(spec, output)), None)
        if blind is None:
            raise InvalidInputError(
                f"`at`: target {spec.name!r} asks for the {spec.asks_for} step, and every layer of the trunk that "
                f"could predict it already holds that step, so that a head would copy it. {_way_out(spec)}"
            )
        return blind
    if spec.kind == "image" or spec.place == "grid":
        return ([output for output in shared if output.rank >= 3] or shared)[-1]
    return shared[-1]


def _learnt_first(fitting: Sequence[Output], outputs: Sequence[Output]) -> list[Output]:
    """Return first what lies at or after the first trained weights, and then the rest, which would teach nothing."""
    # Frozen vectors of words and statistics of a normalisation are weights too, and are not learnt.
    trained = (index for index, output in enumerate(outputs) if output.layer.trainable_weights)
    learnt = next(trained, len(outputs))
    after = [output for output in fitting if outputs.index(output) >= learnt]
    return [*after, *fitting[: len(fitting) - len(after)][::-1]]


def _lengths(outputs: Sequence[Output]) -> str:
    found = sorted({output.length for output in outputs if output.rank == 2})
    return f" (they have {', '.join(map(str, found))})" if found else ""


def _stages(outputs: Sequence[Output]) -> list[Output]:
    """Return the outputs that depth is counted over."""
    models = {output.path for output in outputs if isinstance(output.layer, keras.Model)}
    found = [
        output
        for output in outputs
        if output.usable and output.n_calls == 1 and output.path not in models and _parents(output.path) <= models
    ]
    if not found:
        raise InvalidInputError(
            "`at`: the model has no layer of its own whose output a head could read; name a layer inside it instead. "
            "Layers called inside a tf.function cannot be read; leave that decorator out."
        )
    return found


def trunk(outputs: Sequence[Output]) -> list[Output]:
    """Return the stages below the main head, which is the last layer with weights and what follows it."""
    known = _stages(outputs)
    weighted = [index for index, output in enumerate(known) if output.layer.weights]
    below = known[: weighted[-1]] if weighted else known
    shared = [output for output in below if not output.is_model_output]
    # What lies before the last stage counts also where it is called more than once, as a shared encoder is.
    if not shared or not any(output.layer.weights for output in outputs[: outputs.index(shared[-1]) + 1]):
        raise InvalidInputError(
            "`at`: below its last layer the model has no layer with weights that auxiliary tasks could share. Give "
            "the layer by name, or put a hidden layer before the output."
        )
    return shared


def _parents(path: str) -> set[str]:
    parts = path.split("/")
    return {"/".join(parts[:depth]) for depth in range(1, len(parts))}


def _check_steps(spec: TargetSpec, output: Output, trial: Trial) -> None:
    """Refuse a tap without the steps of a target."""
    if spec.kind == "step_class" and not trial.keeps_steps(spec, output):
        found = f"{output.length} steps" if output.rank == 2 else f"no time axis (a sample has shape {output.shape})"
        raise InvalidInputError(
            f"`at`: target {spec.name!r} has a class for each of {spec.shape[0]} steps, and the output of layer "
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
            f"`targets`: {spec.name!r} counts {counted[row]} tokens in a text of the trial run, and the model makes "
            f"{found[0][row]} of it. Compute the targets with the model's own tokenizer: make_aux_targets(..., "
            "tokenizer=layer)."
        )


def _warn_of_answer(spec: TargetSpec, output: Output, trial: Trial) -> None:
    """Warn of a tap that holds the step that a target asks for, or of which it could not be tried."""
    seen = trial.sees(spec, output) if spec.kind in STEP_KINDS else False
    if seen:
        warnings.warn(
            f"`at`: target {spec.name!r} asks for the {spec.asks_for} step, and the output of layer {output.path!r} "
            f"already holds that step, so that its head can copy it. {_way_out(spec)}",
            AuxTasksWarning,
            stacklevel=4,
        )
    elif seen is None:
        warnings.warn(
            f"`at`: target {spec.name!r} asks for the {spec.asks_for} step, and whether the model looks at it could "
            f"not be tried; check that the tap {output.path!r} does not see the {spec.asks_for} step.",
            AuxTasksWarning,
            stacklevel=4,
        )


def _use_instead(spec: TargetSpec) -> str:
    """Say what to use in the place of a target per step."""
    return f"Use {spec.per_sample!r} instead" if spec.per_sample else "Use a target per sample instead"


def _way_out(spec: TargetSpec) -> str:
    """Say how a tensor is had that does not hold the step a target asks for."""
    direction = "padding='causal' in Conv1D, use_causal_mask=True in attention, a plain forward RNN"
    if spec.asks_for == "previous":
        direction = "an RNN with go_backwards=True whose steps are put in order again"
    return (
        "Read a layer below the one that mixes steps (an embedding, or Dense layers on it), let every layer up to the "
        f"tap look one way only ({direction}), or use another task."
    )
