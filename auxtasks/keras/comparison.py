"""Comparing what a model makes of samples and of changed ones, at the step that stayed the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from auxtasks.keras.pairs import Pair
from auxtasks.keras.texts import is_text
from auxtasks.keras.trial import Output
from auxtasks.keras.variants import end_step, real_steps
from auxtasks.typing import Array

_ROUNDING = {"float16": 4e-3, "bfloat16": 3e-2}
"""Differences that count as rounding, relative to the largest value; 1e-5 for longer floats."""

Views = tuple[Array, Array]
"""Both samples step by step."""


def step_views(pair: Pair, calls: Iterable[tuple[Output, Any, Any]]) -> Views | None:
    """Return both samples step by step: as they are, or texts as the tokens that the model makes of them.

    Parameters
    ----------
    pair : Pair
        The samples.
    calls : iterable of (Output, tensor, tensor)
        What the layers returned for the one and for the other.

    Returns
    -------
    tuple of ndarray, ndarray, or None
        Each of shape (n, time) or (n, time, d); None for texts of which no layer makes tokens.
    """
    both = tuple(keras.tree.flatten(inputs)[pair.leaf] for inputs in (pair.first, pair.second))
    if is_text(both[0]):
        found = ((a, b) for output, a, b in calls if output.numbers is not None and output.length > 1)
        both = next(found, ())
    return (keras.ops.convert_to_numpy(both[0]), keras.ops.convert_to_numpy(both[1])) if both else None


def telling_steps(views: Views | None, real: Array | None, keep: int, n: int) -> dict[int, int]:
    """Return the samples that tell something, and the step of each: equal itself, with another step beside it.

    Parameters
    ----------
    views : tuple of ndarray, ndarray, or None
        See `step_views`.
    real : ndarray of bool or None
        See `Pair`.
    keep : {0, -1}
        The real step that stayed.
    n : int
        How many samples there are.

    Returns
    -------
    dict of int to int
        Step by sample. Without views the first step of every sample, since texts begin there; the last one is unknown.
    """
    if views is None:
        return dict.fromkeys(range(n), 0) if keep == 0 else {}
    reals = [real_steps(view) if real is None else real for view in views]
    ends = [end_step(known, keep) for known in reals]
    beside = ends[0] + (1 if keep == 0 else -1)
    shared = min(view.shape[1] for view in views)
    found = {}
    for row, (step, step_of_other, near) in enumerate(zip(*ends, beside, strict=True)):
        if step == step_of_other and 0 <= near < shared and step < shared and all(known[row, near] for known in reals):
            same, differs = (np.array_equal(views[0][row, at], views[1][row, at]) for at in (step, near))
            if same and not differs:
                found[row] = int(step)
    return found


def differs(a: Any, b: Any, views: Views | None, steps: dict[int, int]) -> bool:
    """Tell whether two values of a tensor differ by more than rounding.

    Parameters
    ----------
    a, b : tensor
        What a layer returned for samples, and for the same changed.
    views : tuple of ndarray, ndarray, or None
        The samples, which tell whether the tensor has their steps.
    steps : dict of int to int
        Where to look, see `telling_steps`; a tensor without these steps is compared as a whole.

    Returns
    -------
    bool
        Whether the difference exceeds 1e-5 of the largest value (4e-3 in float16, 3e-2 in bfloat16).
    """
    precision = _ROUNDING.get(keras.backend.standardize_dtype(a.dtype), 1e-5)
    one, other = (keras.ops.convert_to_numpy(keras.ops.cast(value, "float32")) for value in (a, b))
    rows, at = list(steps), list(steps.values())
    by_step = one.ndim == other.ndim == 3
    if views is not None:
        by_step = by_step and [one.shape[1], other.shape[1]] == [view.shape[1] for view in views]
    if by_step:
        one, other = one[rows, at], other[rows, at]
    elif one.shape != other.shape:
        return True
    else:
        one, other = one[rows], other[rows]
    return bool(np.abs(one - other).max() > precision * max(np.abs(one).max(), np.abs(other).max()))
