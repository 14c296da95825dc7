"""Weights under which the tasks train at similar rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from auxtasks.keras.weighting.base import Factors, State
from auxtasks.keras.weighting.conflicts import Conflicts, GradientWeighting, Wanted
from auxtasks.validation import check_number

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
    name : str, optional
        The layer's name.

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
        """Create a factor for each task, and places for the first losses."""
        super().setup(tasks)
        self.balance = self._state("balance", (len(tasks),), 1.0)
        self.first = self._state("first", (len(tasks),), float("nan"))
        self.first_main = self._state("first_main", (), float("nan"))

    def factors(self, state: State) -> Factors:
        """Return the factors as they are."""
        del state
        return Factors(tasks=ops.convert_to_tensor(self.balance))

    def note(self, conflicts: Conflicts, weights: Any, state: State) -> None:
        """Move the factors by one step."""
        norms = ops.sqrt(ops.sum(conflicts.tasks, axis=0))
        # The tasks may reach different parts of the trunk; the widest part stands for all.
        main = ops.max(ops.sqrt(ops.sum(conflicts.main, axis=0)))
        present = ops.logical_and(state.present > 0, weights > 0)
        pulls, counted = ops.where(present, weights * norms, 0.0), ops.cast(present, "float32")
        mean = (main + ops.sum(pulls)) / (1.0 + ops.sum(counted))
        target = mean * ops.power(self._rates(state, present, counted), self.alpha)
        # The derivative of a pull by its factor is the pull over the factor.
        balance = ops.convert_to_tensor(self.balance)
        slope = ops.sign(pulls - target) * ops.divide_no_nan(pulls, balance)
        moved = ops.maximum(balance - self.learning_rate * slope, _LEAST)
        measured = ops.logical_and(state.main_present > 0, ops.isfinite(main))
        moves = ops.logical_and(ops.logical_and(present, measured), ops.isfinite(moved))
        self.balance.assign(ops.where(moves, moved, balance))

    def _rates(self, state: State, present: Any, counted: Any) -> Any:
        """Return how far each task's loss lags behind the others', relative to where they began."""
        first, first_main = ops.convert_to_tensor(self.first), ops.convert_to_tensor(self.first_main)
        new = ops.logical_and(ops.logical_and(ops.isnan(first), present), ops.isfinite(state.losses))
        new_main = ops.logical_and(
            ops.logical_and(ops.isnan(first_main), state.main_present > 0), ops.isfinite(state.main)
        )
        first = ops.where(new, state.losses, first)
        first_main = ops.where(new_main, state.main, first_main)
        self.first.assign(first)
        self.first_main.assign(first_main)
        rates = ops.where(present, ops.divide_no_nan(state.losses, first), 0.0)
        main = ops.divide_no_nan(state.main, first_main)
        return ops.divide_no_nan(rates * (1.0 + ops.sum(counted)), main + ops.sum(rates))

    def get_config(self) -> dict[str, Any]:
        """Return the options."""
        return {**super().get_config(), "alpha": self.alpha, "learning_rate": self.learning_rate}
