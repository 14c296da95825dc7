"""``auxtasks audit``."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import typer
from rich.console import Console

from auxtasks.cli.data import Data, check_file, check_report, numbered, read_labels
from auxtasks.cli.make import Wanted
from auxtasks.cli.options import (
    BatchSize,
    Epochs,
    Folds,
    Input,
    Jobs,
    LabelColumns,
    Labels,
    Margin,
    Metrics,
    Model,
    NoControls,
    OptionalDomain,
    Options,
    Overwrite,
    Report,
    Results,
    Seeds,
    Targets,
    Tasks,
    Weights,
)
from auxtasks.cli.terminal import interruptible
from auxtasks.demo import standard_error_discarded
from auxtasks.errors import AuxTasksError, InvalidInputError, InvalidTypeError
from auxtasks.optional import require, require_keras
from auxtasks.typing import Array

HELP = (
    "Train a model of yours with and without auxiliary tasks, and say whether they help.\n\n"
    "For each seed these start from the same weights and see the same batches: the model as it is, with each task, "
    "with all together, and with targets shuffled across samples, which tells what a task says from mere "
    "regularisation. Prints the verdicts with 95 % intervals and writes a page with figures.\n\n"
    "An .npz file may hold X_test and y_test beside X and y, and groups, such as persons, which are never on both "
    "sides of a split. Without a test set each seed holds out a quarter of the labelled samples. Classes may have "
    "names; they are numbered in the order of these.\n\n"
    "Where some samples have no label, --task soft_labels audits what a teacher says of them: each split has a teacher "
    "of its own, which is shown the labels of the training part alone.\n\n"
    "This runs the code of the file or module that MODEL names.\n\n"
    "Example: auxtasks audit model.py:build signals.npz --domain signal --seeds 10 --epochs 20 --results runs.jsonl"
)


def audit(
    model: Model,
    input_: Input,
    labels: Labels = "y",
    domain: OptionalDomain = None,
    task: Tasks = None,
    option: Options = None,
    label_columns: LabelColumns = None,
    targets: Targets = None,
    seeds: Seeds = 10,
    epochs: Epochs = 10,
    batch_size: BatchSize = 32,
    weight: Weights = None,
    cv: Folds = None,
    no_controls: NoControls = False,
    jobs: Jobs = 1,
    metric: Metrics = None,
    margin: Margin = 0.0,
    results: Results = None,
    output: Report = Path("auxtasks_audit"),
    overwrite: Overwrite = False,
) -> None:
    """Audit tasks; the help of the command says more."""
    from auxtasks.audit import audit as run
    from auxtasks.audit.report.storage import FILES, PAGE

    wanted = Wanted(domain, task, option, label_columns, targets)
    check_report(output, FILES, overwrite=overwrite)
    check_file(results, "--results")
    require("matplotlib", extra="plot")
    data = wanted.read(input_)
    y, test, classes = _labelled(data, labels)
    build_model = ModelFunction(model)
    with interruptible(lambda: _kept(results)), _errors_of_training():
        report = run(
            build_model,
            data.X,
            y,
            wanted.make(data, y if wanted.has_soft_labels else None),
            test=test,
            cv=cv,
            groups=data.read("groups") if "groups" in data.others else None,
            seeds=seeds,
            epochs=epochs,
            batch_size=batch_size,
            weights=tuple(weight) if weight else "auto",
            metrics=metric or None,
            margin=margin,
            controls=not no_controls,
            results=results,
            n_jobs=jobs,
            progress=sys.stderr.isatty(),
        )
    console = Console(highlight=False)
    try:
        # Before anything is printed: a reader that closes the pipe ends the command.
        with interruptible(lambda: _kept(results)):
            report.save(output, overwrite=overwrite)
    finally:
        if classes:
            named = ", ".join(f"{n} {name}" for n, name in enumerate(classes))
            console.print(f"Classes: {named}\n", markup=False)
        console.print(report)
    console.print(f"\nReport: {output / PAGE}", markup=False, soft_wrap=True)


def _kept(results: Path | None) -> str:
    if results is None:
        return "No run is kept; with --results FILE the same call would go on where it was interrupted."
    return f"Finished runs are kept in {results}; make the same call again to go on."


def _labelled(data: Data, source: str) -> tuple[Array, tuple[Any, Array] | None, tuple[str, ...]]:
    """Return the main labels, the test set of an .npz file if it holds one, and the names of classes."""
    y = read_labels(source, data)
    found = [name for name in ("X_test", "y_test") if name in data.others]
    if len(found) == 1:
        raise InvalidInputError(f"`INPUT`: {data.path} holds {found[0]!r} alone; a test set is X_test and y_test.")
    if not found:
        (y,), classes = numbered(y)
        return y, None, classes
    (y, y_test), classes = numbered(y, data.read("y_test"))
    return y, (data.read("X_test"), y_test), classes


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
        """Build a model."""
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
def _errors_of_training() -> Iterator[None]:
    """Say what Keras says of a model that cannot be trained, such as of a loss that does not fit the labels."""
    from auxtasks.backend import errors_of_inputs
    from auxtasks.keras.compiling import last_words

    try:
        yield
    except AuxTasksError:
        raise
    except errors_of_inputs() as error:
        raise InvalidInputError(
            f"`MODEL`: it cannot be trained on these samples and labels. {type(error).__name__}: {last_words(error)} "
            "(auxtasks.audit.audit, called in Python, shows where.)"
        ) from error


def import_keras() -> None:
    """Import Keras without the messages of TensorFlow, and without using a device: the user's code may set one up."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with standard_error_discarded():
        require_keras()
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
