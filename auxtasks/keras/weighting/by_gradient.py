"""What weightings that look at gradients are told, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import keras
from keras import ops

from auxtasks.keras.weighting.base import Factors, State, Weighting
from auxtasks.validation import check_choice, check_number

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
class Monitor(GradientWeighting):
    """Changes nothing, and puts the cosine of each task's gradient with the main one into the logs.

    Notes
    -----
    Cosines are taken at every 16th step, so that they cost little.
    """

    wanted: Wanted = "cosines"


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

    Notes
    -----
    ``cos = <g_0, g_k> / (|g_0| |g_k|)`` over the variables of the trunk that the head of task k reaches. Where one of
    the gradients is 0, as for a batch without a label of one of them, nothing goes through. The signs for all tasks at
    once cost one product in forward mode, whatever the number of tasks; cosines and layers cost a backward pass each.
    """

    def __init__(self, strength: Strength = "cosine", per: Per = "model", name: str | None = None) -> None:
        super().__init__(name)
        self.strength = check_choice("strength", strength, get_args(Strength))
        self.per = check_choice("per", per, get_args(Per))
        self.by_layer = per == "layer"
        self.wanted: Wanted = "products" if strength == "sign" and per == "model" else "gradients"

    def answer(self, conflicts: Conflicts) -> Answer:
        if self.strength == "sign":
            return Answer(ops.cast(conflicts.products > 0, "float32"))
        return Answer(ops.maximum(cosines(conflicts), 0.0))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "strength": self.strength, "per": self.per}


def cosines(conflicts: Conflicts) -> Any:
    """Return the cosines of the tasks' gradients with the main one, 0 where one of them is 0."""
    return ops.divide_no_nan(conflicts.products, ops.sqrt(conflicts.main) * ops.sqrt(conflicts.tasks))


@keras.saving.register_keras_serializable("auxtasks")
class Projection(GradientWeighting):
    """Takes out of a task's gradient what opposes the main one; the main gradient itself is never changed.

    This is the surgery of PCGrad (Yu et al., NeurIPS 2020), applied to the auxiliary gradients only.

    Notes
    -----
    ``g_k - min(0, <g_k, g_0>) / |g_0|² g_0`` over the variables of the trunk that the head of task k reaches. It costs
    one product in forward mode, whatever the number of tasks.
    """

    def answer(self, conflicts: Conflicts) -> Answer:
        products, main = ops.sum(conflicts.products, axis=0), ops.sum(conflicts.main, axis=0)
        return Answer(shifts=-ops.divide_no_nan(ops.minimum(products, 0.0), main))


_LEAST = 1e-3
"""The smallest factor; at 0 a task would have no gradient to rise by."""


@keras.saving.register_keras_serializable("auxtasks")
class GradNorm(GradientWeighting):
    """Balances how strongly the tasks pull at the trunk (Chen et al., ICML 2018), with the main task as the measure.

    Parameters
    ----------
    alpha : float, default 1.5
        How much more a task pulls that lags behind; 0 makes all pull alike.
    learning_rate : float, default 0.025
        The step size of the factors.

    Notes
    -----
    ``G_k`` is the norm over the shared trunk of the gradient of task k at its weight, ``G_0`` that of the main loss.
    The factors go down the gradient of ``sum_k |G_k - mean(G) r_k^alpha|``, where ``r_k`` is the loss of task k over
    its first, relative to the mean of these over the tasks and the main loss. The paper keeps the sum of all weights
    constant; here the main weight is 1, which fixes the scale as well. Factors do not fall below 0.001, from where
    they can rise again. A task without a label in a batch, or with a loss weight of 0, keeps its factor, and so do all
    in a batch without a main label or with gradients that are not finite.
    """

    wanted: Wanted = "gradients"

    def __init__(self, alpha: float = 1.5, learning_rate: float = 0.025, name: str | None = None) -> None:
        super().__init__(name)
        self.alpha = check_number("alpha", alpha, low=0.0)
        self.learning_rate = check_number("learning_rate", learning_rate, low=0.0)

    def setup(self, tasks: Sequence[str]) -> None:
        super().setup(tasks)
        self.balance = self._state("balance", (len(tasks),), 1.0)
        self.first = self._state("first", (len(tasks),), float("nan"))
        self.first_main = self._state("first_main", (), float("nan"))

    def factors(self, state: State) -> Factors:
        del state
        return Factors(tasks=ops.convert_to_tensor(self.balance))

    def note(self, conflicts: Conflicts, weights: Any, state: State) -> None:
        norms = ops.sqrt(ops.sum(conflicts.tasks, axis=0))
        # The tasks may reach different parts of the trunk; the widest part stands for all.
        main = ops.max(ops.sqrt(ops.sum(conflicts.main, axis=0)))
        present = (state.present > 0) & (weights > 0)
        pulls, counted = ops.where(present, weights * norms, 0.0), ops.cast(present, "float32")
        mean = (main + ops.sum(pulls)) / (1.0 + ops.sum(counted))
        target = mean * ops.power(self._rates(state, present, counted), self.alpha)
        # The derivative of a pull by its factor is the pull over the factor.
        balance = ops.convert_to_tensor(self.balance)
        slope = ops.sign(pulls - target) * ops.divide_no_nan(pulls, balance)
        moved = ops.maximum(balance - self.learning_rate * slope, _LEAST)
        moves = present & (state.main_present > 0) & ops.isfinite(main) & ops.isfinite(moved)
        self.balance.assign(ops.where(moves, moved, balance))

    def _rates(self, state: State, present: Any, counted: Any) -> Any:
        """Return how far each task's loss lags behind the others', relative to where they began."""
        first, first_main = ops.convert_to_tensor(self.first), ops.convert_to_tensor(self.first_main)
        new = ops.isnan(first) & present & ops.isfinite(state.losses)
        new_main = ops.isnan(first_main) & (state.main_present > 0) & ops.isfinite(state.main)
        first = ops.where(new, state.losses, first)
        first_main = ops.where(new_main, state.main, first_main)
        self.first.assign(first)
        self.first_main.assign(first_main)
        rates = ops.where(present, ops.divide_no_nan(state.losses, first), 0.0)
        main = ops.divide_no_nan(state.main, first_main)
        return ops.divide_no_nan(rates * (1.0 + ops.sum(counted)), main + ops.sum(rates))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha, "learning_rate": self.learning_rate}
