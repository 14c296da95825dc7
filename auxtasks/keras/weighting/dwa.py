"""Weights by how fast each loss falls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from auxtasks.keras.weighting.base import Factors, State, Weighting
from auxtasks.validation import check_number


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
