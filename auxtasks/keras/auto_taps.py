"""The rule for ``at="auto"``: the deepest tensor of the trunk that is learned and has what a target needs."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import keras

from auxtasks.errors import InvalidInputError
from auxtasks.keras.trial import Output, Shape, Trial
from auxtasks.specs import STEP_KINDS, TargetSpec


def auto_tap(spec: TargetSpec, trial: Trial) -> Output:
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
            f"predict it already holds that step, so a head would copy it. {way_out(spec)}"
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
                f"keeps that many steps{_lengths(shared)}. {use_instead(spec)}, or a model that keeps the time axis."
            )
        fitting = fitting or [output for output in shared if output.rank == 2] or shared
        return [_features(fitting), fitting]
    if has_place(spec):
        fitting = [output for output in shared if len(grid_shape(output, trial)) >= 3]
        return [_features(fitting), fitting, shared]
    return [shared]


def _features(outputs: list[Output]) -> list[Output]:
    """Leave out tensors with one number per place, such as the weights by which places are averaged."""
    return [output for output in outputs if output.shape[-1] != 1]


def has_place(spec: TargetSpec) -> bool:
    """Tell whether a target says where in an image something is."""
    return spec.kind == "image" or (spec.spatial == "grid" and spec.kind not in STEP_KINDS)


def grid_shape(output: Output, trial: Trial) -> Shape:
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
    if trial.image is None:
        return None
    sequences = (output.shape[0] or 0 for output in trial.outputs if output.usable and output.rank == 2)
    grids = (_grid(n, trial.image) for length in sequences for n in (length, length - 1))
    return next((grid for grid in grids if grid is not None), None)


def _grid(n_patches: int, image: tuple[int, int]) -> tuple[int, int] | None:
    height, width = image
    rows = round((max(n_patches, 0) * height / width) ** 0.5)
    if rows < 2 or n_patches % rows or rows * width != n_patches // rows * height:
        return None
    return rows, n_patches // rows


def better_by_call(spec: TargetSpec, tap: Output, trial: Trial) -> Output | None:
    """Return a layer called more than once that would serve a target better than its tap; None if there is none.

    Such as the encoder of a siamese network, of which only the distance of two codes is called once.
    """
    called = _inside_models([output for output in trial.outputs if output.usable], trial.outputs)
    call = trial.own or 0
    often = [each for each in called if each.n_calls > 1 and each.call == min(call, each.n_calls - 1)]
    often = [output for output in often if trial.is_learned(output)]
    if has_place(spec) and len(grid_shape(tap, trial)) < 3:
        maps = [output for output in often if len(grid_shape(output, trial)) >= 3]
        if maps:
            return maps[-1]
    narrow = _n_features(tap)
    wider = [output for output in often if narrow < spec.size and narrow < _n_features(output)]
    return wider[-1] if wider else None


def _n_features(output: Output) -> int:
    return prod(length or 1 for length in output.shape)


def stages(outputs: Sequence[Output]) -> list[Output]:
    """Return the outputs that depth is counted over."""
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
    known = stages(outputs)
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


def use_instead(spec: TargetSpec) -> str:
    """Say what to use in the place of a target per step."""
    return f"Use {spec.per_sample!r} instead" if spec.per_sample else "Use a target per sample instead"


def way_out(spec: TargetSpec) -> str:
    """Say how a tensor is had that does not hold the step a target asks for."""
    direction = "padding='causal' in Conv1D, use_causal_mask=True in attention, a plain forward RNN"
    if spec.lookahead == "previous":
        direction = "an RNN with go_backwards=True whose steps are put in order again"
    return (
        "Read a layer below the one that mixes steps (an embedding, or Dense layers on it), let every layer up to the "
        f"tap look one way only ({direction}), or use another task."
    )
