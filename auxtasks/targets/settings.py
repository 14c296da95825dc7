"""How to compute: the parameters of a generator but for its tasks, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, abbreviated
from auxtasks.image_files.resize import check_size
from auxtasks.registry import DOMAINS
from auxtasks.validation import check_choice, check_flag, check_int, check_number, check_processes

_FLOAT32_MAX = float(np.finfo(np.float32).max)
TEXT_ONLY: Mapping[str, object] = {
    "tokenizer": None,
    "vocabulary": None,
    "max_tokens": 20_000,
    "max_length": None,
    "model_inputs": "ids",
    "tagger": "spacy",
    "tagger_model": None,
    "batch_size": 1000,
    "cache": None,
}
"""The parameters that only texts have, with their defaults."""

WITH_FILES = ("image", "any")
"""The domains whose inputs can be files of images."""


@dataclass(frozen=True)
class Settings:
    """How to compute; `AuxTargetGenerator` describes each."""

    dtype: np.dtype[np.floating]
    scale: bool = True
    seed: int = 0
    padding: str = "post"
    padding_value: float = 0.0
    n_jobs: int = 1
    progress: bool = False
    image_size: tuple[int, int] | None = None


def checked_settings(params: Mapping[str, Any]) -> Settings:
    """Check the parameters of a generator; those of texts only as far as other domains do not have them."""
    settings = Settings(
        dtype=_float_dtype(params["dtype"]),
        scale=check_flag("scale", params["scale"]),
        seed=check_int("seed", params["seed"], low=0, high=2**64 - 1),
        padding=check_choice("padding", params["padding"], ("post", "pre")),
        padding_value=check_number("padding_value", params["padding_value"], low=-_FLOAT32_MAX, high=_FLOAT32_MAX),
        n_jobs=check_processes("n_jobs", params["n_jobs"]),
        progress=check_flag("progress", params["progress"]),
        image_size=check_size("image_size", params.get("image_size")),  # targets saved before have none
    )
    domain = check_choice("domain", params["domain"], DOMAINS, "domain")
    if settings.image_size is not None and domain not in WITH_FILES:
        raise InvalidInputError(f"`image_size` applies to image files only, not to {domain!r}; leave it out.")
    for name, default in TEXT_ONLY.items():
        value = params.get(name, default)  # files of earlier versions do not have all
        same = type(value) is type(default) and value == default
        if domain != "text" and not same:
            raise InvalidInputError(f"`{name}` applies to domain 'text' only, not to {domain!r}; leave it out.")
    return settings


def _float_dtype(value: Any) -> np.dtype[np.floating]:
    try:
        # None would stand for float64, without anyone having said so.
        dtype = np.dtype(value if isinstance(value, (str, type, np.dtype)) else object)
    except (TypeError, ValueError):
        dtype = np.dtype(object)
    if dtype not in (np.float32, np.float64):
        raise InvalidInputError(f"`dtype` must be 'float32' or 'float64'; got {abbreviated(value)}.")
    return dtype.newbyteorder("=")
