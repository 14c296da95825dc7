"""Auxiliary gradients let through where they agree with the main one."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from auxtasks.errors import InvalidInputError
from auxtasks.keras.weighting.conflicts import Answer, Conflicts, GradientWeighting, Wanted

Strength = Literal["cosine", "sign"]
Per = Literal["model", "layer"]


@keras.saving.register_keras_serializable("auxtasks")
class CosineGate(GradientWeighting):
    """Lets the gradient of a task through as far as it agrees with the main one (Du et al. 2018, arXiv:1812.02224).

    Parameters
    ----------
    strength : {"cosine", "sign"}
        Multiply by ``max(0, cos)``, the weighted form of the paper, or by 1 where the cosine is positive and else 0,
        the unweighted one.
    per : {"model", "layer"}
        Compare the gradients of the whole shared trunk, or those of each layer by itself.
    name : str, optional
        The layer's name.

    Notes
    -----
    ``cos = <g_0, g_k> / (|g_0| |g_k|)`` over the variables of the trunk that the head of task k reaches. Where one of
    the gradients is 0, as for a batch without a label of one of them, nothing goes through. The signs for all tasks at
    once cost one product in forward mode, whatever the number of tasks; cosines and layers cost a backward pass each.
    """

    def __init__(self, strength: Strength = "cosine", per: Per = "model", name: str | None = None) -> None:
        super().__init__(name)
        if strength not in ("cosine", "sign"):
            raise InvalidInputError(f"`strength` must be 'cosine' or 'sign'; got {strength!r}.")
        if per not in ("model", "layer"):
            raise InvalidInputError(f"`per` must be 'model' or 'layer'; got {per!r}.")
        self.strength, self.per = strength, per
        self.by_layer = per == "layer"
        self.wanted: Wanted = "products" if strength == "sign" and per == "model" else "gradients"

    def answer(self, conflicts: Conflicts) -> Answer:
        """Return how far each task's gradient is let through."""
        if self.strength == "sign":
            return Answer(ops.cast(conflicts.products > 0, "float32"))
        return Answer(ops.maximum(cosines(conflicts), 0.0))

    def get_config(self) -> dict[str, Any]:
        """Return the options."""
        return {**super().get_config(), "strength": self.strength, "per": self.per}


def cosines(conflicts: Conflicts) -> Any:
    """Return the cosines of the tasks' gradients with the main one, 0 where one of them is 0.

    Parameters
    ----------
    conflicts : Conflicts
        With `tasks`.

    Returns
    -------
    tensor
        From -1 to 1, in the shape of ``conflicts.products``.
    """
    return ops.divide_no_nan(conflicts.products, ops.sqrt(conflicts.main) * ops.sqrt(conflicts.tasks))
