"""Values that no one should pass, and changes that make a valid value into one of them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pandas as pd


def _cyclic() -> list[Any]:
    inner: list[Any] = [1]
    inner.append(inner)
    return inner


def _deep(depth: int) -> list[Any]:
    found: list[Any] = [1.0]
    for _ in range(depth):
        found = [found]
    return found


def _raising(*_: Any, **__: Any) -> Any:
    raise LookupError("a function of the user's fails")


NUMBERS = [
    *(0, -1, 1, 2, 10**9, 10**18, 2**63, 2**64, 10**400, -(10**30), True, False),
    *(float("nan"), float("inf"), -float("inf"), -0.0, 1e-320, 1e39, 1e308, 0.5, 1 + 2j),
    *(np.float32(0.5), np.float16(60000), np.int8(-1), np.uint64(2**64 - 1), np.bool_(True), np.float64("nan")),
    *(np.complex64(1j), ml_dtypes.bfloat16(2), Decimal("0.5"), Decimal("NaN"), Decimal("sNaN"), Fraction(1, 3)),
    *(np.datetime64("2020"), np.timedelta64("NaT"), datetime.date(2020, 1, 1), pd.NA, pd.NaT),
]
TEXTS = ["", " ", "\0", "main", "nan", "1", b"", b"std", np.str_("std"), "\ud800", "é" * 3, "a" * 300_000]
FUNCTIONS = [len, _raising, lambda *_: None, int, dict, np.ndarray, np.float32, pd.DataFrame, type, ..., NotImplemented]


def any_value(rng: np.random.Generator) -> Any:
    """Draw a hostile value, made anew."""
    kinds = (NUMBERS, TEXTS, FUNCTIONS, None)
    listed = kinds[rng.choice(4, p=(0.3, 0.15, 0.1, 0.45))]
    if listed is not None:
        return listed[rng.integers(len(listed))]
    made = (
        lambda: None,
        list,
        lambda: (),
        dict,
        lambda: set(),
        lambda: {1, 2},
        lambda: frozenset("ab"),
        lambda: range(3),
        lambda: object(),
        lambda: slice(3),
        lambda: iter([1, 2]),
        lambda: (i for i in range(3)),
        lambda: [None],
        lambda: [[]],
        lambda: [[1], [1, 2]],
        lambda: [1, "a", None],
        lambda: {"std": 1},
        lambda: {1: 2},
        lambda: {None: {}},
        lambda: {("a", 1): []},
        lambda: {"std": {"task": []}},
        lambda: {"a": {"a": {}}},
        lambda: _cyclic(),
        lambda: _deep(40),
        lambda: _deep(5000),
        lambda: np.array(2),
        lambda: np.array(None),
        lambda: np.array([]),
        lambda: np.zeros((0, 3)),
        lambda: np.zeros((3, 0)),
        lambda: np.array([1, 2]),
        lambda: np.array(["a", "b"]),
        lambda: np.array([{}, []], dtype=object),
        lambda: np.full((6, 8), np.nan),
        lambda: np.ones((6, 8), "M8[s]"),
        lambda: np.ones((6, 8), complex),
        lambda: np.ones((6, 8), ml_dtypes.bfloat16),
        lambda: np.zeros(6, [("a", "f4"), ("b", "i4")]),
        lambda: np.ma.masked_less(np.arange(6.0), 3),
        lambda: memoryview(b"abcdef"),
        lambda: bytearray(b"abc"),
        lambda: pd.Series([1, None, "a"]),
        lambda: pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
    )
    return made[rng.integers(len(made))]()


def changed(value: Any, rng: np.random.Generator) -> Any:
    """Return a hostile value in the place of a valid one, or the valid one with a hostile part."""
    if rng.random() < 0.4:
        return any_value(rng)
    if isinstance(value, np.ndarray):
        return _array(value, rng)
    if isinstance(value, Mapping):
        return _mapping(dict(value), rng)
    if isinstance(value, (list, tuple)) and value:
        parts = list(value)
        place = rng.integers(len(parts))
        way = rng.integers(4)
        if way < 2:
            parts[place] = changed(parts[place], rng)
        elif way == 2:
            parts.append(any_value(rng))
        else:
            parts.pop(place)
        return parts if rng.random() < 0.5 else tuple(parts)
    if isinstance(value, str):
        ways = (value.encode(), np.str_(value), value.upper(), value + "s", [value], np.array(value), {value: {}})
        return ways[rng.integers(len(ways))]
    if isinstance(value, (int, float)):
        ways = (-value, value * 10**6, str(value), [value], np.array(value), np.array([value]), Decimal(value), {value})
        return ways[rng.integers(len(ways))]
    return any_value(rng)


def _mapping(value: dict[Any, Any], rng: np.random.Generator) -> dict[Any, Any]:
    name = list(value)[rng.integers(len(value))] if value else "a"
    old, way = value.pop(name, None), rng.integers(4)
    if way < 2:
        return {**value, name: changed(old, rng)}
    if way == 2:
        keys = ("", 1, None, ("a",), b"std", np.str_(name), "x" * 100_000, float("nan"), True, name + " ")
        return {**value, keys[rng.integers(len(keys))]: old}
    return value


DTYPES = ("O", "c8", "U", "S", "f2", "i1", "u8", "?", "f8", "f4", "M8[s]", ml_dtypes.bfloat16, ml_dtypes.float8_e5m2)


def _array(value: np.ndarray, rng: np.random.Generator) -> Any:
    n = len(value)
    number = (np.nan, np.inf, -np.inf, 1e300, 3e38, -1, 1e-40)[rng.integers(7)]

    def with_number() -> Any:
        found = value.astype("f8") if value.dtype.kind in "biuf" else value.astype(object)
        found[tuple(rng.integers(size) for size in found.shape)] = number
        return found

    ways = (
        with_number,
        with_number,
        lambda: value.astype(DTYPES[rng.integers(len(DTYPES))] if value.dtype.kind in "biuf" else object),
        lambda: np.full_like(value, value.flat[0]),
        lambda: np.full(value.shape, number),
        lambda: value[: rng.integers(3)],
        lambda: value[..., : rng.integers(2)],
        lambda: value[..., None],
        lambda: value[0],
        lambda: value[::-1].T,
        lambda: np.concatenate([value, value]),
        lambda: np.ma.masked_array(value, value == value.flat[0]),
        lambda: value.tolist(),
        lambda: [*value[: n - 1].tolist(), any_value(rng)],
        lambda: [part[: 1 + rng.integers(4)] if np.ndim(part) else part for part in value],
        lambda: (part for part in value),
        lambda: pd.DataFrame(value.reshape(n, -1)),
        lambda: value.view(np.matrix) if value.ndim == 2 else value.tobytes(),
    )
    return ways[rng.integers(len(ways))]()
