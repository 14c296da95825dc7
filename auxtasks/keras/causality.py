"""Which tensors of a model already hold the step that a target asks for.

Found out by trying: where the first step's value changes with the steps after it, it holds something of the next.
That needs no knowledge of layers, and so works for any model: recurrent both ways, convolutions, attention, subclassed.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from auxtasks.keras.comparison import differs, step_views, telling_steps
from auxtasks.keras.pairs import changed_pairs
from auxtasks.keras.running import by_call, forward
from auxtasks.keras.samples import Samples
from auxtasks.keras.trial import Output
from auxtasks.specs import AsksFor


def outputs_seeing(
    base: keras.Model, samples: Samples, outputs: Sequence[Output], asks_for: AsksFor, n_steps: int
) -> frozenset[tuple[str, int]] | None:
    """Find the outputs that depend on the step that a target asks for.

    The model is run on samples and on copies with everything after the first step (``"next"``) or before the last
    (``"previous"``) replaced. An output is found where its value at that step differs by more than rounding, one
    without these steps where it differs at all.

    Parameters
    ----------
    base : keras.Model
        The model.
    samples : Samples
        What it reads.
    outputs : sequence of Output
        What `trial_run` saw.
    asks_for : {"next", "previous"}
        See `TargetSpec`.
    n_steps : int
        How many steps the target has.

    Returns
    -------
    frozenset of (path, call), or None
        None where nothing could be tried: several inputs of which it is not known which one has the steps, inputs of
        other shapes than (n, time) and (n, time, d), samples of one step, and texts none of which shows a difference.

    Notes
    -----
    Rounding is 1e-5 of the largest value (4e-3 in float16, 3e-2 in bfloat16), so that a branch scaled by 1e-6, as
    by a layer scale at its start, is not seen. Nor is what a model computes only after training, such as a branch
    multiplied by a weight that begins at 0, or what it reads off another input than the one changed.
    """
    keep = 0 if asks_for == "next" else -1
    for pair in changed_pairs(samples, keep, n_steps):
        one, other = (by_call(forward(base, inputs)[0]) for inputs in (pair.first, pair.second))
        calls = {
            (output.path, output.call): (output, one[key].output, other[key].output)
            for output in outputs
            if (key := (id(output.layer), output.call)) in one and key in other
        }
        views = step_views(pair, calls.values())
        steps = telling_steps(views, pair.real, keep, len(samples.rows()))
        if steps:
            return frozenset(
                call for call, (output, a, b) in calls.items() if output.usable and differs(a, b, views, steps)
            )
    return None
