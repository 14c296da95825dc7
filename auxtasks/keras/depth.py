"""Depth: the stages of a model in order, and the rule by which ``at="auto"`` chooses one."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from auxtasks.errors import InvalidInputError
from auxtasks.keras.stepwise import STEP_KINDS, use_instead, way_out
from auxtasks.keras.trial import Output, Trial
from auxtasks.specs import TargetSpec


def stages(outputs: Sequence[Output]) -> list[Output]:
    """Return the outputs that depth is counted over.

    Parameters
    ----------
    outputs : sequence of Output
        What a trial run saw.

    Returns
    -------
    list of Output
        The layers of the model and of models nested in it, in the order of the forward pass. Left out are layers
        inside composite layers, layers called more than once and outputs that a head cannot read.

    Raises
    ------
    InvalidInputError
        If nothing is left.
    """
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
    """Return the stages below the main head, which is the last layer with weights and what follows it.

    Parameters
    ----------
    outputs : sequence of Output
        What a trial run saw.

    Returns
    -------
    list of Output
        In the order of the forward pass.

    Raises
    ------
    InvalidInputError
        If the model is a single layer with weights, which leaves nothing to share.
    """
    known = stages(outputs)
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


def auto_tap(spec: TargetSpec, trial: Trial) -> Output:
    """Choose the tap of a task: the deepest tensor of the trunk that still has what the target needs, or the first.

    A target with a place in the input (``place="grid"``, images) needs the axes of a feature map, a target per step
    needs the time axis at the target's own length, and must not find the answer there; any other reads what the main
    head reads. A target per step of ``level="low"`` reads the first tensor that has all this and is learnt (Søgaard and
    Goldberg 2016, Deep multi-task learning with low level tasks supervised at lower layers).

    Parameters
    ----------
    spec : TargetSpec
        The task.
    trial : Trial
        What is known of the model.

    Returns
    -------
    Output
        The tensor to read.

    Raises
    ------
    InvalidInputError
        If a class per step is to be predicted and no tensor keeps the steps, or if every tensor holds the answer.
    """
    shared = trunk(trial.outputs)
    if spec.kind in STEP_KINDS:
        fitting = [output for output in shared if trial.keeps_steps(spec, output)]
        if not fitting and spec.kind == "step_class":
            raise InvalidInputError(
                f"`at`: target {spec.name!r} has a class for each of {spec.shape[0]} steps, and no layer of the trunk "
                f"keeps that many steps{_lengths(shared)}. {use_instead(spec)}, or a model that keeps the time axis."
            )
        fitting = fitting or [output for output in shared if output.rank == 2] or shared
        blind = [output for output in fitting if not trial.sees(spec, output)]
        if not blind:
            raise InvalidInputError(
                f"`at`: target {spec.name!r} asks for the {spec.asks_for} step, and every layer of the trunk that "
                f"could predict it already holds that step, so that a head would copy it. {way_out(spec)}"
            )
        return _first_learnt(blind, trial.outputs) if spec.level == "low" else blind[-1]
    if spec.kind == "image" or spec.place == "grid":
        return ([output for output in shared if output.rank >= 3] or shared)[-1]
    return shared[-1]


def _first_learnt(fitting: Sequence[Output], outputs: Sequence[Output]) -> Output:
    """Return the first output with trained weights at or before it, or the last; others would teach nothing."""
    # Frozen vectors of words and statistics of a normalisation are weights too, and are not learnt.
    trained = (index for index, output in enumerate(outputs) if output.layer.trainable_weights)
    learnt = next(trained, len(outputs))
    return next((output for output in fitting if outputs.index(output) >= learnt), fitting[-1])


def _lengths(outputs: Sequence[Output]) -> str:
    found = sorted({output.length for output in outputs if output.rank == 2})
    return f" (they have {', '.join(map(str, found))})" if found else ""


def _parents(path: str) -> set[str]:
    parts = path.split("/")
    return {"/".join(parts[:depth]) for depth in range(1, len(parts))}
