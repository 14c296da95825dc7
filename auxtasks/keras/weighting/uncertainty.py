"""Weights learned as uncertainties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from auxtasks.keras.weighting.base import Factors, State, Weighting


@keras.saving.register_keras_serializable("auxtasks")
class Uncertainty(Weighting):
    """Learns how noisy each task is, and trusts it accordingly (Kendall, Gal and Cipolla, CVPR 2018).

    Parameters
    ----------
    main : bool, default False
        Whether the main loss is weighed too; by default it keeps its weight of 1.
    name : str, optional
        The layer's name.

    Notes
    -----
    A task with loss L is trained by ``exp(-s) L + s``, where s, the logarithm of its variance, begins at 0 (a factor
    of 1) and is trained by the model's optimizer. This is twice the expression of the paper for squared errors, and is
    used for every kind of loss. For a loss that stays at L, s goes to log L, and the factor to 1 / L. A task without a
    label in a batch gives its s no gradient (an optimizer with momentum goes on moving it a little). The weight that
    the user gave multiplies the whole expression.
    """

    def __init__(self, main: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        self.weighs_main = bool(main)

    def setup(self, tasks: Sequence[str]) -> None:
        """Create a logarithm of a variance for each task."""
        super().setup(tasks)
        self.log_variance = self.add_weight(name="log_variance", shape=(len(tasks),), initializer="zeros")
        if self.weighs_main:
            self.main_log_variance = self.add_weight(name="main_log_variance", shape=(), initializer="zeros")

    def factors(self, state: State) -> Factors:
        """Return ``exp(-s)`` and s for each task, s only where the batch has a label."""
        s = ops.convert_to_tensor(self.log_variance)
        tasks = Factors(tasks=ops.exp(-s), added_to_tasks=s * state.present)
        if not self.weighs_main:
            return tasks
        main = ops.convert_to_tensor(self.main_log_variance)
        return tasks._replace(main=ops.exp(-main), added_to_main=main)

    def get_config(self) -> dict[str, Any]:
        """Return the options."""
        return {**super().get_config(), "main": self.weighs_main}
