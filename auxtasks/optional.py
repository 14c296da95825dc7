"""Optional dependencies, imported where they are used and never before."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TypeVar, cast

from auxtasks.errors import MissingDependencyError


def require(name: str, extra: str) -> ModuleType:
    """Import an optional module, or say how to install it.

    Parameters
    ----------
    name : str
        The module to import, such as ``"skimage.feature"``.
    extra : str
        The extra of auxtasks that brings it, such as ``"image"``.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingDependencyError
        If the package that holds the module is not installed. An error inside an installed package is passed on
        as it is, because installing it again would not help.

    Examples
    --------
    >>> require("json", extra="test").dumps([1])
    '[1]'
    """
    package = name.partition(".")[0]
    if find_spec(package) is None:
        raise MissingDependencyError(
            f"`{package}` is needed here and not installed. Install it with: pip install 'auxtasks[{extra}]'",
            name=package,
        )
    return import_module(name)


Part = TypeVar("Part")


def shown(parts: Iterable[Part], total: int | None, progress: bool, unit: str = "batch") -> Iterable[Part]:
    """Pass parts on, with a progress bar where asked.

    Parameters
    ----------
    parts : iterable
        The parts, made as they are asked for.
    total : int or None
        How many there will be; None if nobody knows.
    progress : bool
        Whether to show the bar.
    unit : str
        What a part is called.

    Returns
    -------
    iterable
        The parts.

    Raises
    ------
    MissingDependencyError
        If a bar is asked for and tqdm is not installed.

    Examples
    --------
    >>> list(shown(["a"], 1, progress=False))
    ['a']
    """
    if not progress:
        return parts
    bar = require("tqdm", extra="progress").tqdm(parts, total=total, desc="auxtasks", unit=unit)
    return cast("Iterable[Part]", bar)


def is_dask(X: object) -> bool:
    """Tell whether something is a collection of Dask, or holds one.

    Parameters
    ----------
    X : object
        What the user gave.

    Returns
    -------
    bool
        True for arrays, bags, data frames and columns of Dask.

    Examples
    --------
    >>> is_dask([[1.0, 2.0]])
    False
    """
    return hasattr(type(X), "__dask_graph__")


def require_tensorflow() -> None:
    """Refuse Keras on another backend than TensorFlow.

    Raises
    ------
    MissingDependencyError
        If TensorFlow is not installed, or Keras runs on JAX, PyTorch or another backend.
    """
    require("tensorflow", extra="keras")
    import keras

    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise MissingDependencyError(
            f"auxtasks.keras needs Keras on TensorFlow; it runs on {backend!r}. Set the environment variable "
            "KERAS_BACKEND=tensorflow before Keras is imported."
        )
