"""The user's function that builds a model, found by the name of a file or module."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import typer

from auxtasks.demo.quiet import standard_error_discarded
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.optional import require


class ModelFunction:
    """A function that returns a compiled model, as text names it.

    Other processes are sent the text and find the function themselves, because what is imported from a file cannot be
    found by its name there.

    Parameters
    ----------
    text : str
        ``"package.module:function"`` or ``"path/to/file.py:function"``. Both run the user's code on import; a file may
        import others beside it, a module is found in the working directory too.

    Raises
    ------
    typer.BadParameter
        If the text is not of this form.
    InvalidInputError, InvalidTypeError
        If there is no such file, module or function, or it cannot be called without arguments. What the user's code
        itself raises is passed on.
    """

    def __init__(self, text: str) -> None:
        place, colon, name = text.rpartition(":")
        if not colon or not place or not name.isidentifier():
            raise typer.BadParameter(
                f"{text!r} must be path/to/file.py:function or package.module:function.", param_hint="MODEL"
            )
        is_file = place.endswith(".py")
        place = str(Path(place).absolute()) if is_file else place
        self.text = f"{place}:{name}"
        import_tensorflow()
        module = _from_file(Path(place)) if is_file else _from_name(place)
        self._function = _function_of(module, name)

    def __call__(self) -> Any:
        """Build a model."""
        return self._function()

    def __reduce__(self) -> tuple[type[ModelFunction], tuple[str]]:
        """Pickle by the text; the function is looked up again in the process that reads it."""
        return ModelFunction, (self.text,)


def import_tensorflow() -> None:
    """Import TensorFlow without its messages, and without using a device, which the user's code may still set up.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with standard_error_discarded():
        require("tensorflow", extra="keras")
    # Each run builds a model anew, of which TensorFlow would warn as if it was by mistake.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def _from_file(path: Path) -> ModuleType:
    # Not the bare stem, which may be the name of an installed module, such as test.
    name = f"auxtasks_model_{path.stem}"
    if not path.is_file():
        raise InvalidInputError(f"`MODEL`: there is no file {path}.")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InvalidInputError(f"`MODEL`: {path} cannot be imported as Python.")
    _find_in(path.parent)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # for classes that are looked up by the name of their module, as by dataclasses
    spec.loader.exec_module(module)
    return module


def _from_name(name: str) -> ModuleType:
    _find_in(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise
        raise InvalidInputError(
            f"`MODEL`: there is no module {error.name!r}, neither in {Path.cwd()} nor installed. For a file, end its "
            "name in .py."
        ) from error


def _find_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _function_of(module: ModuleType, name: str) -> Any:
    found: Any = getattr(module, name, None)
    if not callable(found):
        there = [key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")]
        raise InvalidInputError(
            f"`MODEL`: {module.__file__} has no function {name!r}; it has {', '.join(map(repr, there)) or 'none'}."
        )
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise InvalidTypeError(f"`MODEL`: {name!r} must be a function without arguments: {error}.") from error
    return found
