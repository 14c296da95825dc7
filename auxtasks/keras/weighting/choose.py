"""From names and options to weightings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.keras.weighting.base import Factors, State, Weighting
from auxtasks.keras.weighting.by_gradient import CosineGate, GradientWeighting, GradNorm, Monitor, Projection
from auxtasks.keras.weighting.by_loss import DynamicWeightAverage, Uncertainty
from auxtasks.keras.weighting.plans import Decay, Delayed, Pretrain, WarmUp
from auxtasks.validation import check_choice, check_depth

WEIGHTINGS: dict[str, type[Weighting]] = {
    "delayed": Delayed,
    "warm_up": WarmUp,
    "decay": Decay,
    "pretrain": Pretrain,
    "uncertainty": Uncertainty,
    "dwa": DynamicWeightAverage,
    "gradnorm": GradNorm,
    "cosine_gate": CosineGate,
    "projection": Projection,
    "monitor": Monitor,
}
"""What `weighting` may be by name, besides "fixed"."""


def resolve_weightings(weighting: Any) -> list[Weighting]:
    """Return the weightings that an argument stands for."""
    parts = list(weighting) if isinstance(weighting, Sequence) and not isinstance(weighting, str) else [weighting]
    found = [_resolved(part) for part in parts if not (isinstance(part, str) and part == "fixed")]
    gradient = [type(one).__name__ for one in found if isinstance(one, GradientWeighting)]
    if len(gradient) > 1:
        raise InvalidInputError(f"`weighting`: only one entry may use gradients; got {', '.join(gradient)}.")
    if len({id(one) for one in found}) < len(found):
        raise InvalidInputError("`weighting` holds the same object twice; make one for each place.")
    return found


def _resolved(part: Any) -> Weighting:
    if isinstance(part, Weighting):
        if part.tasks:
            raise InvalidInputError(f"`weighting`: {type(part).__name__} belongs to another model; make a new one.")
        return part
    if isinstance(part, type) and issubclass(part, Weighting):
        raise InvalidTypeError(f"`weighting` is the class {part.__name__}; pass an instance: {part.__name__}(...).")
    if isinstance(part, str):
        return _made(part, {})
    if isinstance(part, Mapping) and len(part) == 1:
        (name, options), *_ = part.items()
        if isinstance(name, str) and isinstance(options, Mapping):
            return _made(name, options)
    if callable(part):
        return Custom(part)
    raise InvalidTypeError(
        f"`weighting` must be a name such as 'projection', a mapping {{name: options}} of one entry, a function, or a "
        f"list of these; got {abbreviated(part)}."
    )


def _made(name: str, options: Mapping[str, Any]) -> Weighting:
    check_depth("weighting", options)
    if check_choice("weighting", name, ["fixed", *WEIGHTINGS], "weighting") == "fixed":
        raise InvalidInputError("`weighting`: 'fixed' has no options and cannot be combined; pass only the name.")
    try:
        return WEIGHTINGS[name](**options)
    except TypeError as error:  # an option that is missing or not known
        why = str(error).split("__init__() ")[-1]
        raise InvalidInputError(f"`weighting`: options of {name!r}: {why:.200}.") from error


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
            raise InvalidTypeError(f"`weighting` must be a name, options or a function; got {abbreviated(function)}.")
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
                f"`weighting`: the function {self.function!r} is not registered, so a saved model could not find it. "
                "Decorate it with keras.saving.register_keras_serializable()."
            )
        return {**super().get_config(), "function": keras.saving.serialize_keras_object(self.function)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Custom:
        """Make the weighting that `get_config` described."""
        return cls(**{**config, "function": keras.saving.deserialize_keras_object(config["function"])})
