"""The rule by which ``at="auto"`` chooses a depth."""

from __future__ import annotations

from collections.abc import Sequence

from auxtasks.errors import InvalidInputError
from auxtasks.keras.stages import trunk
from auxtasks.keras.stepwise import STEP_KINDS, use_instead, way_out
from auxtasks.keras.trial import Output, Trial
from auxtasks.specs import TargetSpec


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
