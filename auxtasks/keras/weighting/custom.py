"""Weights by a function of the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

from auxtasks.errors import InvalidTypeError, unknown_name
from auxtasks.keras.weighting.base import Factors, State, Weighting


@keras.saving.register_keras_serializable("auxtasks")
class Custom(Weighting):
    """Asks a function for the factors of every step.

    Parameters
    ----------
    function : callable
        ``function(step, main_loss, losses)`` with a tensor of int64, one of float32 and a mapping of tasks to tensors;
        returns a factor for all tasks or a mapping of factors by name (1 for those left out), as tensors or numbers.
        It is traced as a part of the step. To save the model, register it with
        `keras.saving.register_keras_serializable`.
    name : str, optional
        The layer's name.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        super().__init__(name)
        if not callable(function):
            raise InvalidTypeError(f"`weighting` must be a name, options or a function; got {function!r}.")
        self.function = function

    def factors(self, state: State) -> Factors:
        """Return what the function says."""
        by_name = dict(zip(self.tasks, ops.unstack(state.losses, len(self.tasks)), strict=True))
        said = self.function(state.step, state.main, by_name)
        if not isinstance(said, Mapping):
            return Factors(tasks=ops.cast(said, "float32") * ops.ones_like(state.losses))
        for task in said:
            if task not in self.tasks:
                raise unknown_name("weighting", task, self.tasks, "auxiliary target")
        return Factors(tasks=ops.stack([ops.cast(said.get(task, 1.0), "float32") for task in self.tasks]))

    def get_config(self) -> dict[str, Any]:
        """Return the function as Keras registers it."""
        return {**super().get_config(), "function": keras.saving.serialize_keras_object(self.function)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Custom:
        """Make the weighting that `get_config` described."""
        return cls(**{**config, "function": keras.saving.deserialize_keras_object(config["function"])})
