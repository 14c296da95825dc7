"""Targets per step: whether a tensor has their steps, and does not hold the answer."""

from __future__ import annotations

import warnings

import numpy as np

from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.keras.trial import Output, Trial
from auxtasks.specs import TargetSpec

STEP_KINDS = ("step_class", "step_vector")
"""The kinds of targets with a value for each step."""


def check_steps(spec: TargetSpec, output: Output, trial: Trial) -> None:
    """Refuse a tap without the steps of a target, and warn of one that holds what the target asks for.

    Parameters
    ----------
    spec : TargetSpec
        The target; of another kind than `STEP_KINDS` it needs no steps.
    output : Output
        What its head is to read.
    trial : Trial
        What is known of the model.

    Raises
    ------
    InvalidInputError
        If there is a class per step and the tensor has other steps, or none.
    """
    if spec.kind == "step_class" and not trial.keeps_steps(spec, output):
        found = f"{output.length} steps" if output.rank == 2 else f"no time axis (a sample has shape {output.shape})"
        raise InvalidInputError(
            f"`at`: target {spec.name!r} has a class for each of {spec.shape[0]} steps, and the output of layer "
            f"{output.path!r} has {found}. {use_instead(spec)}, or choose a layer that keeps the steps."
        )
    if spec.kind in STEP_KINDS and trial.sees(spec, output):
        warnings.warn(
            f"`at`: target {spec.name!r} asks for the {spec.asks_for} step, and the output of layer {output.path!r} "
            f"already holds that step, so that its head can copy it. {way_out(spec)}",
            AuxTasksWarning,
            stacklevel=5,
        )


def check_tokens(spec: TargetSpec, output: Output, trial: Trial) -> None:
    """Refuse targets that count other tokens than the model makes: they would be learnt at the wrong steps.

    Parameters
    ----------
    spec, output, trial
        As for `check_steps`.

    Raises
    ------
    InvalidInputError
        If the numbers of tokens in a text of the trial run differ, as far as target and model reach.
    """
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


def check_tried(spec: TargetSpec, output: Output, trial: Trial) -> None:
    """Warn where a target asks for another step and it could not be tried whether its tap holds that step.

    Parameters
    ----------
    spec, output, trial
        As for `check_steps`.
    """
    if spec.kind in STEP_KINDS and not trial.was_tried(spec):
        warnings.warn(
            f"`at`: target {spec.name!r} asks for the {spec.asks_for} step, and whether the model looks at it could "
            f"not be tried; check that the tap {output.path!r} does not see the {spec.asks_for} step.",
            AuxTasksWarning,
            stacklevel=4,
        )


def use_instead(spec: TargetSpec) -> str:
    """Say what to use in the place of a target per step."""
    return f"Use {spec.per_sample!r} instead" if spec.per_sample else "Use a target per sample instead"


def way_out(spec: TargetSpec) -> str:
    """Say how a tensor is had that does not hold the step a target asks for."""
    direction = "padding='causal' in Conv1D, use_causal_mask=True in attention, a plain forward RNN"
    if spec.asks_for == "previous":
        direction = "an RNN with go_backwards=True whose steps are put in order again"
    return (
        "Read a layer below the one that mixes steps (an embedding, or Dense layers on it), let every layer up to the "
        f"tap look one way only ({direction}), or use another task."
    )
