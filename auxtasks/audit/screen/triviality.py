"""How much of each target a linear map finds in the input."""

from __future__ import annotations

from collections.abc import Mapping

from auxtasks.audit.screen.features import Features, input_features, step_features
from auxtasks.audit.screen.inputs import Inputs
from auxtasks.audit.screen.measures import explained_by, rounded
from auxtasks.audit.screen.steps import step_share
from auxtasks.specs import TargetSpec
from auxtasks.typing import Array


def explained_by_input(
    inputs: Inputs | None,
    arrays: Mapping[str, Array],
    features: Mapping[str, Features],
    specs: Mapping[str, TargetSpec],
    drawn: Array,
    seed: int,
) -> dict[str, float]:
    """Tell how much of each task's target is a linear function of the input.

    Parameters
    ----------
    inputs : Inputs or None
        The inputs, if there are any.
    arrays, features, specs : mapping of str to ndarray, Features and TargetSpec
        The targets as they are, as columns, and what they are.
    drawn : ndarray of bool, shape (n,)
        Which samples to use.
    seed : int
        Of the folds.

    Returns
    -------
    dict of str to float
        Shares from 0 to 1; NaN for targets that do not vary, and without inputs.

    Notes
    -----
    Vectors per step are compared by their means over stretches of time; classes per step with the input at the same
    step where it has the same steps, because how often a class occurs says little of where.
    """
    if inputs is None:
        return dict.fromkeys(features, float("nan"))
    per_step = {name: step_features(arrays[name]) for name in features if specs[name].kind == "step_vector"}
    columns = input_features(inputs.values, words=inputs.words)
    shares = explained_by(columns, drawn, {**features, **per_step}, seed)
    for name, target in arrays.items():
        has_steps = inputs.values.shape[:2] == target.shape[:2] and (inputs.words or inputs.values.ndim > 2)
        if specs[name].kind == "step_class" and has_steps:
            share = step_share(inputs.values[drawn], target[drawn], words=inputs.words, seed=seed)
            shares[name] = rounded(share)
    return shares
