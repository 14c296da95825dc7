"""How to compute: the parameters of a generator but for its tasks, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.validation import check_choice, check_flag, check_int, check_number, check_processes

_FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Settings:
    """How to compute; `AuxTargetGenerator` describes each.

    Parameters
    ----------
    dtype : dtype
        The dtype of targets made of numbers.
    scale, seed, padding, padding_value, n_jobs, progress
        As `AuxTargetGenerator` has them.
    """

    dtype: np.dtype[np.floating]
    scale: bool = True
    seed: int = 0
    padding: str = "post"
    padding_value: float = 0.0
    n_jobs: int = 1
    progress: bool = False


def checked_settings(params: Mapping[str, Any]) -> Settings:
    """Check the parameters of a generator."""
    return Settings(
        dtype=_float_dtype(params["dtype"]),
        scale=check_flag("scale", params["scale"]),
        seed=check_int("seed", params["seed"], low=0),
        padding=check_choice("padding", params["padding"], ("post", "pre")),
        padding_value=check_number("padding_value", params["padding_value"], low=-_FLOAT32_MAX, high=_FLOAT32_MAX),
        n_jobs=check_processes("n_jobs", params["n_jobs"]),
        progress=check_flag("progress", params["progress"]),
    )


def _float_dtype(value: Any) -> np.dtype[np.floating]:
    try:
        # None would stand for float64, without anyone having said so.
        dtype = np.dtype(object if value is None else value)
    except (TypeError, ValueError):
        dtype = np.dtype(object)
    if dtype not in (np.float32, np.float64):
        raise InvalidInputError(f"`dtype` must be 'float32' or 'float64'; got {value!r}.")
    return dtype.newbyteorder("=")
