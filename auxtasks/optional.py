"""Optional dependencies, imported where they are used and never before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
            f"`{package}` is required here but not installed. Install it with: pip install 'auxtasks[{extra}]'",
            name=package,
        )


Part = TypeVar("Part")


def shown(parts: Iterable[Part], total: int | None, progress: bool, unit: str = "batch") -> Iterable[Part]:
    """Pass parts on, with a progress bar where asked."""
    if not progress:
        return parts
    from tqdm.auto import tqdm

    return cast("Iterable[Part]", tqdm(parts, total=total, desc="auxtasks", unit=unit))


def plain_text(renderable: RenderableType, width: int = 100) -> str:
    """Render something of rich as text without colours."""
    from rich.console import Console

    text = StringIO()
    # Everything is said outright, because rich looks at the environment for the rest.
    options: dict[str, Any] = {"color_system": None, "force_terminal": False, "force_jupyter": False}
    Console(file=text, width=width, legacy_windows=False, **options).print(renderable)
    return "\n".join(line.rstrip() for line in text.getvalue().rstrip().splitlines())


def legend_grid(legend: Mapping[str, str]) -> RenderableType:
    """Explain terms of a table below it, a line each."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    for term, meaning in legend.items():
        grid.add_row(Text(term, style="dim"), Text(meaning, style="dim"))
    return grid


def is_dask(X: object) -> bool:
    """Tell whether something is a collection of Dask, or holds one."""
    return hasattr(type(X), "__dask_graph__")


BACKENDS = ("tensorflow", "jax", "torch")
"""What Keras can train on; the extras have the same names."""


def require_keras() -> None:
    """Import Keras, or say what it lacks: itself, or a backend that trains."""
    check_installed("keras", extra="tensorflow")
    try:
        import keras
    except ModuleNotFoundError as error:
        if error.name not in BACKENDS:
            raise
        here = [backend for backend in BACKENDS if find_spec(backend) is not None]
        other = f"; or set KERAS_BACKEND={here[0]}, which is installed, before Keras is imported" if here else ""
        raise MissingDependencyError(
            f"Keras is set to run on {error.name!r}, which is not installed. Install it with: pip install "
            f"'auxtasks[{error.name}]'{other}.",
            name=error.name,
        ) from error
    backend = keras.backend.backend()
    if backend not in BACKENDS:
        raise MissingDependencyError(
            f"auxtasks.keras trains models, but Keras on {backend!r} cannot train. Set the environment variable "
            f"KERAS_BACKEND to one of {', '.join(BACKENDS)} before Keras is imported."
        )
