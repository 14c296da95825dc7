"""From names and options to weightings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.keras.weighting.base import Weighting
from auxtasks.keras.weighting.conflicts import GradientWeighting, Watch
from auxtasks.keras.weighting.custom import Custom
from auxtasks.keras.weighting.dwa import DynamicWeightAverage
from auxtasks.keras.weighting.gate import CosineGate
from auxtasks.keras.weighting.gradnorm import GradNorm
from auxtasks.keras.weighting.projection import Projection
from auxtasks.keras.weighting.schedules import AuxiliaryFirst, Decay, Delayed, WarmUp
from auxtasks.keras.weighting.uncertainty import Uncertainty

WEIGHTINGS: dict[str, type[Weighting]] = {
    "delayed": Delayed,
    "warm_up": WarmUp,
    "decay": Decay,
    "auxiliary_first": AuxiliaryFirst,
    "uncertainty": Uncertainty,
    "dwa": DynamicWeightAverage,
    "gradnorm": GradNorm,
    "cosine_gate": CosineGate,
    "projection": Projection,
    "watch": Watch,
}
"""What `weighting` may be by name, besides "fixed"."""


def resolve_weightings(weighting: Any) -> list[Weighting]:
    """Return the weightings that an argument stands for.

    Parameters
    ----------
    weighting : str, mapping, Weighting, callable, or sequence of these
        See `auxtasks.keras.attach_heads`.

    Returns
    -------
    list of Weighting
        Empty for "fixed".

    Raises
    ------
    UnknownNameError
        If there is no weighting of a name; the nearest names are given.
    InvalidInputError
        If options are missing or unknown, or two weightings want to change the gradients.
    InvalidTypeError
        If it is of another type.

    Examples
    --------
    >>> [type(one).__name__ for one in resolve_weightings([{"warm_up": {"steps": 100}}, "projection"])]
    ['WarmUp', 'Projection']
    """
    parts = list(weighting) if isinstance(weighting, Sequence) and not isinstance(weighting, str) else [weighting]
    found = [_resolved(part) for part in parts if part != "fixed"]
    gradient = [type(one).__name__ for one in found if isinstance(one, GradientWeighting)]
    if len(gradient) > 1:
        raise InvalidInputError(f"`weighting`: only one may look at gradients; got {', '.join(gradient)}.")
    if len({id(one) for one in found}) < len(found):
        raise InvalidInputError("`weighting` holds the same object twice; make one for each place.")
    return found


def _resolved(part: Any) -> Weighting:
    if isinstance(part, Weighting):
        if part.tasks:
            raise InvalidInputError(f"`weighting`: {type(part).__name__} belongs to another model; make a new one.")
        return part
    if isinstance(part, type) and issubclass(part, Weighting):
        raise InvalidTypeError(f"`weighting` is the class {part.__name__}; make one of it: {part.__name__}(...).")
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
        f"list of these; got {part!r}."
    )


def _made(name: str, options: Mapping[str, Any]) -> Weighting:
    if name not in WEIGHTINGS:
        raise unknown_name("weighting", name, ["fixed", *WEIGHTINGS], "weighting")
    try:
        return WEIGHTINGS[name](**options)
    except TypeError as error:  # an option that is missing or not known
        raise InvalidInputError(f"`weighting`: options of {name!r}: {str(error).split('__init__() ')[-1]}.") from error
