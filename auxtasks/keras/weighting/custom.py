"""Weights by a function of the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
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
            return Factors(tasks=self._checked("all tasks", said) * ops.ones_like(state.losses))
        for task in said:
            if task not in self.tasks:
                raise unknown_name("weighting", task, self.tasks, "auxiliary target")
        return Factors(tasks=ops.stack([self._checked(task, said.get(task, 1.0)) for task in self.tasks]))

    def _checked(self, whose: str, factor: Any) -> Any:
        if factor is None or np.ndim(factor) or isinstance(factor, str):
            raise InvalidInputError(
                f"`weighting`: the function {self.function!r} must return one factor for all tasks, or a mapping of "
                f"tasks to factors; for {whose} it returned {factor!r}."
            )
        return ops.cast(factor, "float32")

    def get_config(self) -> dict[str, Any]:
        """Return the function by the name under which it is registered.

        Raises
        ------
        InvalidInputError
            If it is not registered: what is saved holds no code, and the function could not be found again.
        """
        if keras.saving.get_registered_object(keras.saving.get_registered_name(self.function)) is None:
            raise InvalidInputError(
                f"`weighting`: the function {self.function!r} is not registered, so that a saved model could not find "
                "it again. Decorate it with keras.saving.register_keras_serializable()."
            )
        return {**super().get_config(), "function": keras.saving.serialize_keras_object(self.function)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Custom:
        """Make the weighting that `get_config` described."""
        return cls(**{**config, "function": keras.saving.deserialize_keras_object(config["function"])})
