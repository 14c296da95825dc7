"""What weightings that look at gradients are told, and what they say."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import keras

from auxtasks.keras.weighting.base import Weighting

Wanted = Literal["cosines", "products", "gradients"]
"""What is computed for a weighting: cosines at some steps, to look at; the inner products with the main gradient at
every step; or the gradient of every task itself."""


class Conflicts(NamedTuple):
    """The gradients of the tasks beside the gradient of the main loss, over the trunk that both share.

    With G groups of variables (the layers, or one group of all) and K tasks, `products` holds ``<g_0, g_k>``, `main`
    ``|g_0|²`` over the variables that task k reaches, and `tasks` ``|g_k|²`` (None where it was not computed), each of
    shape (G, K).
    """

    products: Any
    main: Any
    tasks: Any = None


class Answer(NamedTuple):
    """What becomes of the gradients: ``sum_k scale_k w_k g_k + shift_k w_k g_0``, besides the main gradient itself.

    `scales` has the shape (G, K) or (K,), `shifts` the shape (K,); None leaves it out.
    """

    scales: Any = None
    shifts: Any = None


class GradientWeighting(Weighting):
    """Base of the weightings that look at the gradients of the trunk.

    The heads themselves are trained by the full losses of their tasks; only what reaches the trunk changes.

    Parameters
    ----------
    name : str, optional
        The layer's name.
    """

    wanted: Wanted = "products"
    by_layer = False

    def answer(self, conflicts: Conflicts) -> Answer:
        """Say what becomes of the gradients of a step."""
        del conflicts
        return Answer()

    def note(self, conflicts: Conflicts, weights: Any, state: Any) -> None:
        """Take note of a step; `weights` are those that the losses were multiplied by, shape (K,)."""


@keras.saving.register_keras_serializable("auxtasks")
class Watch(GradientWeighting):
    """Changes nothing, and puts the cosine of each task's gradient with the main one into the logs.

    Parameters
    ----------
    name : str, optional
        The layer's name.

    Notes
    -----
    Cosines are taken at every 16th step, so that they cost little.
    """

    wanted: Wanted = "cosines"
