"""How much each auxiliary task counts while a model trains: weights that follow plans, losses or gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated
from auxtasks.keras.weighting.base import Factors, State, Weighting
from auxtasks.keras.weighting.by_factor import (
    Custom,
    Decay,
    Delayed,
    DynamicWeightAverage,
    Pretrain,
    Uncertainty,
    WarmUp,
)
from auxtasks.keras.weighting.by_gradient import (
    Answer,
    Conflicts,
    CosineGate,
    GradientWeighting,
    GradNorm,
    Monitor,
    Projection,
)
from auxtasks.validation import check_choice, check_depth

__all__ = [
    "Answer",
    "Conflicts",
    "CosineGate",
    "Custom",
    "Decay",
    "Delayed",
    "DynamicWeightAverage",
    "Factors",
    "GradNorm",
    "GradientWeighting",
    "Monitor",
    "Pretrain",
    "Projection",
    "State",
    "Uncertainty",
    "WarmUp",
    "Weighting",
]

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
