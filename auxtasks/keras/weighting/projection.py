"""Auxiliary gradients without what opposes the main one."""

from __future__ import annotations

import keras
from keras import ops

from auxtasks.keras.weighting.conflicts import Answer, Conflicts, GradientWeighting


@keras.saving.register_keras_serializable("auxtasks")
class Projection(GradientWeighting):
    """Takes out of a task's gradient what opposes the main one; the main gradient itself is never changed.

    This is the surgery of PCGrad (Yu et al., NeurIPS 2020), applied to the auxiliary gradients only.

    Parameters
    ----------
    name : str, optional
        The layer's name.

    Notes
    -----
    ``g_k - min(0, <g_k, g_0>) / |g_0|² g_0`` over the variables of the trunk that the head of task k reaches. It costs
    one product in forward mode, whatever the number of tasks.
    """

    def answer(self, conflicts: Conflicts) -> Answer:
        """Return how much of the main gradient makes good for what opposes it."""
        products, main = ops.sum(conflicts.products, axis=0), ops.sum(conflicts.main, axis=0)
        return Answer(shifts=-ops.divide_no_nan(ops.minimum(products, 0.0), main))
