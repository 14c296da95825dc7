"""Optional dependencies, imported where they are used and never before."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TypeVar, cast

from auxtasks.errors import MissingDependencyError


def require(name: str, extra: str) -> ModuleType:
    """Import an optional module, or say how to install it."""
    package = name.partition(".")[0]
    if find_spec(package) is None:
        raise MissingDependencyError(
            f"`{package}` is needed here and not installed. Install it with: pip install 'auxtasks[{extra}]'",
            name=package,
        )
    return import_module(name)


Part = TypeVar("Part")


def shown(parts: Iterable[Part], total: int | None, progress: bool, unit: str = "batch") -> Iterable[Part]:
    """Pass parts on, with a progress bar where asked."""
    if not progress:
        return parts
    bar = require("tqdm", extra="progress").tqdm(parts, total=total, desc="auxtasks", unit=unit)
    return cast("Iterable[Part]", bar)


def is_dask(X: object) -> bool:
    """Tell whether something is a collection of Dask, or holds one."""
    return hasattr(type(X), "__dask_graph__")


def require_tensorflow() -> None:
    """Refuse Keras on another backend than TensorFlow."""
    require("tensorflow", extra="keras")
    import keras

    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise MissingDependencyError(
            f"auxtasks.keras needs Keras on TensorFlow; it runs on {backend!r}. Set the environment variable "
            "KERAS_BACKEND=tensorflow before Keras is imported."
        )
