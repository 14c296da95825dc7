"""Optional dependencies, imported where they are used and never before."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from auxtasks.errors import MissingDependencyError

if TYPE_CHECKING:
    from rich.console import RenderableType


def require(name: str, extra: str) -> ModuleType:
    """Import an optional module, or say how to install it."""
    check_installed(name.partition(".")[0], extra)
    return import_module(name)


def check_installed(package: str, extra: str) -> None:
    """Say how to install an optional package, if it is absent; nothing is imported."""
    if find_spec(package) is None:
        raise MissingDependencyError(
            f"`{package}` is needed here and not installed. Install it with: pip install 'auxtasks[{extra}]'",
            name=package,
        )


Part = TypeVar("Part")


def shown(parts: Iterable[Part], total: int | None, progress: bool, unit: str = "batch") -> Iterable[Part]:
    """Pass parts on, with a progress bar where asked."""
    if not progress:
        return parts
    from tqdm import tqdm

    return cast("Iterable[Part]", tqdm(parts, total=total, desc="auxtasks", unit=unit))


def plain_text(renderable: RenderableType, width: int = 100) -> str:
    """Render something of rich as text without colours."""
    from rich.console import Console

    text = StringIO()
    # Everything is said outright, because rich looks at the environment for the rest.
    options: dict[str, Any] = {"color_system": None, "force_terminal": False, "force_jupyter": False}
    Console(file=text, width=width, legacy_windows=False, **options).print(renderable)
    return "\n".join(line.rstrip() for line in text.getvalue().rstrip().splitlines())


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
