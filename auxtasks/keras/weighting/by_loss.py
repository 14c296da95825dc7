"""Weights by how fast each loss falls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from auxtasks.keras.weighting.base import Factors, State, Weighting
from auxtasks.validation import check_flag, check_number


@keras.saving.register_keras_serializable("auxtasks")
class DynamicWeightAverage(Weighting):
    """Gives more weight to the auxiliary tasks whose loss falls more slowly (Liu, Johns and Davison, CVPR 2019).

    Parameters
    ----------
    temperature : float, default 2.0
        The larger, the more equal the weights.
    name : str, optional
        The layer's name.

    Notes
    -----
    In epoch t, task k of K has the factor ``K exp(r_k / T) / sum_i exp(r_i / T)``, where ``r_k`` is its mean loss in
    epoch t - 1 over that in epoch t - 2; 1 in the first two epochs. The factors of the auxiliary tasks have mean 1, and
    the main task keeps its weight. An epoch is one of ``fit``; in loops of one's own call `end_epoch`. A task without
    any label in an epoch keeps its last losses.
    """

    def __init__(self, temperature: float = 2.0, name: str | None = None) -> None:
        super().__init__(name)
        self.temperature = check_number("temperature", temperature, low=1e-3)

    def setup(self, tasks: Sequence[str]) -> None:
        """Create places for the losses of the last two epochs."""
        super().setup(tasks)
        self.last = self._state("last", (len(tasks),), float("nan"))
        self.before = self._state("before", (len(tasks),), float("nan"))

    def factors(self, state: State) -> Factors:
        """Return the factors of this epoch."""
        del state
        last, before = ops.convert_to_tensor(self.last), ops.convert_to_tensor(self.before)
        ratio = ops.divide_no_nan(last, before)
        ratio = ops.where(ops.isnan(ratio), 1.0, ratio)
        # Not Keras's softmax, which warns of a single task.
        powers = ops.exp((ratio - ops.max(ratio)) / self.temperature)
        return Factors(tasks=len(self.tasks) * powers / ops.sum(powers))

    def end_epoch(self, losses: Mapping[str, float]) -> None:
        """Move on by an epoch."""
        last, before = (ops.convert_to_numpy(part).copy() for part in (self.last, self.before))
        new = np.array([losses.get(task, np.nan) for task in self.tasks], dtype="float32")
        known = ~np.isnan(new)
        self.before.assign(np.where(known, last, before))
        self.last.assign(np.where(known, new, last))

    def get_config(self) -> dict[str, Any]:
        """Return the options."""
        return {**super().get_config(), "temperature": self.temperature}


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
        self.weighs_main = check_flag("main", main)

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
