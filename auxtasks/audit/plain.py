"""The data classes of an audit as plain JSON types, and read again with every value checked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from auxtasks.audit.experiment import Arm, Run
from auxtasks.typing import Floats


def encode(value: Any) -> Any:
    """Turn numbers, arrays, mappings and data classes into plain JSON types."""
    if dataclasses.is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(part) for key, part in value.items()}
    if isinstance(value, (np.generic, np.ndarray)):
        return encode(value.tolist())
    if isinstance(value, (list, tuple)):
        return [encode(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def decode(kind: Any, value: Any, where: str = "") -> Any:
    """Make a value of a type from what `encode` made of it; a ValueError says what is wrong, and where."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _decode_fields(kind, value, where)
    if kind == Floats:
        return np.array(decode(list[float], value, where), dtype=float)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        (other,) = (each for each in arguments if each is not NoneType)
        return None if value is None else decode(other, value, where)
    if origin is Literal:
        return _checked(value, value in arguments if isinstance(value, str) else False, kind, where)
    if origin is dict:
        entries = _checked(value, isinstance(value, dict), kind, where).items()
        return {key: decode(arguments[1], part, f"{where}[{key!r}]") for key, part in entries}
    if origin in (list, tuple):
        entries = enumerate(_checked(value, isinstance(value, list), kind, where))
        return origin(decode(arguments[0], part, f"{where}[{at}]") for at, part in entries)
    return _decode_float(value, where) if kind is float else _checked(value, type(value) is kind, kind, where)


def decode_run(state: Any, where: str = "run") -> Run:
    """Make a run, with numbers that can be those of one."""
    run: Run = decode(Run, state, where)
    check_arm(run.arm, f"{where}.arm")
    _check(run.seed >= 0 and run.fold >= 0, f"{where}.seed and fold must not be negative")
    _check(0 < run.seconds < math.inf, f"{where}.seconds must be positive; found {run.seconds}")
    return run


def check_arm(arm: Arm, where: str) -> None:
    """Refuse an arm that nothing can be trained with."""
    _check(0 <= arm.weight < math.inf, f"{where}.weight must not be negative; found {arm.weight}")


def _check(holds: bool, wrong: str) -> None:
    if not holds:
        raise ValueError(wrong)


def _decode_fields(kind: type, state: Any, where: str) -> Any:
    kinds, fields = get_type_hints(kind), {field.name: field for field in dataclasses.fields(kind)}
    _checked(state, isinstance(state, dict), kind, where)
    if unknown := state.keys() - fields.keys():
        raise ValueError(f"{where} holds {min(unknown)!r}, which is unknown")
    for name, field in fields.items():
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in state and not optional:
            raise ValueError(f"{where} has no {name!r}")
    return kind(**{name: decode(kinds[name], part, f"{where}.{name}") for name, part in state.items()})


_SPECIAL = {None: math.nan, "nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _decode_float(value: Any, where: str) -> float:
    if value is None or isinstance(value, str):
        return _SPECIAL[_checked(value, value in _SPECIAL, float, where)]
    try:
        found = float(_checked(value, type(value) in (int, float), float, where))
    except OverflowError:
        found = math.inf
    _check(math.isfinite(found), f"{where} is too large for a float")
    return found


def _checked(value: Any, holds: bool, kind: Any, where: str) -> Any:
    if not holds:
        name = kind.__name__ if isinstance(kind, type) else str(kind)
        raise ValueError(f"{where} must be of type {name}; found {repr(value)[:60]}")
    return value
