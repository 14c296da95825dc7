"""The tasks of a model that have labels: what it predicts, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from auxtasks.audit.metrics.labels import read_labels
from auxtasks.audit.metrics.problem import Problem
from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.specs import TargetSpec
from auxtasks.typing import Array

if TYPE_CHECKING:
    import keras

MAIN = "main"


class Task(NamedTuple):
    """The labels and predictions of one task, and what is known of it."""

    y_true: Any
    y_pred: Any
    problem: Problem | None
    loss: Any
    classes: Sequence[str] | None


def tasks_of(model: keras.Model, x: Any, y: Any, classes: Any, batch_size: int | None) -> dict[str, Task]:
    """Predict every task that has labels and classes.

    Parameters
    ----------
    model, x, y, classes, batch_size
        As for `auxtasks.curves.plot_curves`.

    Returns
    -------
    dict of str to Task
        By name, the outputs of the model itself first.

    Raises
    ------
    InvalidTypeError, InvalidInputError, UnknownNameError
        If the model is none, or `y` or `classes` name a task that it does not have.
    """
    import keras

    from auxtasks.keras.model import AuxModel

    if not isinstance(model, keras.Model):
        raise InvalidTypeError(
            f"`model` must be a keras.Model; got {type(model).__name__}. For predictions: draw_curves."
        )
    labels = dict(y) if isinstance(y, Mapping) else {MAIN: y}
    specs = model.specs if isinstance(model, AuxModel) else {}
    main = _main(model, model.predict(x, batch_size=batch_size, verbose=0))
    for name in labels:
        if name not in main and name not in specs:
            raise unknown_name("y", name, [*main, *specs], "task")
    named = _names(classes, main, specs)
    wanted = {name: spec for name, spec in specs.items() if name in labels and _problem(spec)}
    auxiliary = model.predict_auxiliary(x, batch_size=batch_size, verbose=0) if wanted else {}
    losses = _by_output(model.loss, main)
    found = {
        name: Task(labels[name], output, None, losses.get(name), named.get(name))
        for name, output in main.items()
        if name in labels
    }
    for name, spec in wanted.items():
        known = named.get(name, spec.classes or spec.columns or None)
        found[name] = Task(_without_signs(name, labels[name]), auxiliary[name], _problem(spec), None, known)
    return found


def _by_output(loss: Any, main: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(loss, (list, tuple)) and len(loss) == len(main):
        return dict(zip(main, loss, strict=True))
    return loss if isinstance(loss, Mapping) else dict.fromkeys(main, loss)


def _without_signs(name: str, target: Any) -> Array:
    """Write missing entries as NaN: -1 may be a class of main labels, and never of a target."""
    found = read_labels(name, target)
    return np.where(found < 0, np.nan, found)


def _main(model: keras.Model, outputs: Any) -> dict[str, Any]:
    """Return the outputs of the model itself by name."""
    if isinstance(outputs, Mapping):
        return dict(outputs)
    if isinstance(outputs, (list, tuple)):
        names = getattr(model, "output_names", None) or map(str, range(len(outputs)))
        return dict(zip(names, outputs, strict=True))
    return {MAIN: outputs}


def _names(classes: Any, main: Mapping[str, Any], specs: Mapping[str, TargetSpec]) -> dict[str, Sequence[str]]:
    if classes is None:
        return {}
    if isinstance(classes, Mapping):
        for name in classes:
            if name not in main and name not in specs:
                raise unknown_name("classes", name, [*main, *specs], "task")
        return dict(classes)
    if len(main) > 1:
        raise InvalidInputError(f"`classes`: the model has {len(main)} outputs; give the names by task.")
    return dict.fromkeys(main, classes)


def _problem(spec: TargetSpec) -> Problem | None:
    """Return what an auxiliary task decides, None for numbers and distributions."""
    if spec.kind == "multilabel":
        return "multilabel"
    if spec.kind in ("class", "step_class"):
        return "binary" if spec.n_classes == 2 else "multiclass"
    return None
