"""The function of the user that builds a model, and what is said of its errors."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import typer

from auxtasks.demo import standard_error_discarded
from auxtasks.errors import AuxTasksError, InvalidInputError, InvalidTypeError
from auxtasks.optional import require_keras


class ModelFunction:
    """A function that returns a compiled model, as text names it.

    Other processes are sent the text and find the function themselves, because what is imported from a file cannot be
    found by its name there.

    Parameters
    ----------
    text : str
        ``"package.module:function"`` or ``"path/to/file.py:function"``. Both run the user's code on import; a file may
        import others beside it, a module is found in the working directory too.
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
        import_keras()
        with _errors_of_user(place):
            module = _from_file(Path(place)) if is_file else _from_name(place)
        self._function = _function_of(module, name)

    def __call__(self) -> Any:
        with _errors_of_user(self.text):
            return self._function()

    def __reduce__(self) -> tuple[type[ModelFunction], tuple[str]]:
        """Pickle by the text; the function is looked up again in the process that reads it."""
        return ModelFunction, (self.text,)


@contextmanager
def _errors_of_user(what: str) -> Iterator[None]:
    """Say what went wrong in the user's code, and where, without the frames of this command."""
    try:
        yield
    except AuxTasksError:
        raise
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
        # Not the frames of what the user's code has called.
        own = [frame for frame in frames if "site-packages" not in frame.filename and "importlib" not in frame.filename]
        where = f" at line {own[-1].lineno} of {own[-1].filename}" if own else ""
        raise InvalidInputError(f"`MODEL`: {what} raises {type(error).__name__}{where}: {error}") from error


@contextmanager
def errors_of_training() -> Iterator[None]:
    """Say what was raised while the user's model was trained, such as of a loss that does not fit the labels."""
    from auxtasks.keras.compiling import last_words

    try:
        yield
    except (AuxTasksError, OSError, MemoryError):
        raise
    # Layers, losses and steps of the user run here.
    except Exception as error:
        raise InvalidInputError(
            f"`MODEL`: it cannot be trained on these samples and labels. {type(error).__name__}: {last_words(error)} "
            "(The same call in Python shows where.)"
        ) from error


def import_keras() -> None:
    """Import Keras without the messages of its backend, and without using a device: the user's code may set one up."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with standard_error_discarded():
        require_keras()


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
