"""The data sets of tasks, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.keras.forms import as_arrays
from auxtasks.keras.outputs import MAIN
from auxtasks.keras.supervision import is_supervised
from auxtasks.keras.texts import as_inputs
from auxtasks.specs import TargetSpec


def specs_of(targets: Any) -> dict[str, TargetSpec]:
    """Return the specs of targets, or of whatever else knows them."""
    specs = getattr(targets, "specs", getattr(targets, "specs_", targets))
    if not isinstance(specs, Mapping):
        raise InvalidTypeError(
            "`targets` must be AuxTargets, a fitted generator, a model with heads or a mapping of names to TargetSpec; "
            f"got {type(targets).__name__}."
        )
    # Early heads for the main label take it from the main samples.
    return {name: spec for name, spec in specs.items() if not is_supervised(spec)}


def checked_sets(data: Any, names: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check data sets, and bring lists and texts among them into arrays.

    Parameters
    ----------
    data : mapping of str to (inputs, labels)
        The data set of each task.
    names : tuple of str
        The tasks there are.

    Returns
    -------
    tuple of dict, dict
        The inputs and the labels by task.

    Raises
    ------
    UnknownNameError
        If there is no such task.
    InvalidTypeError, InvalidInputError
        If a data set is no pair, empty, of another length than its labels, or of other inputs than the first.
    """
    if not isinstance(data, Mapping) or not data:
        raise InvalidTypeError(f"`data` must map names of tasks to (inputs, labels); got {data!r:.80}.")
    inputs, labels, like = {}, {}, None
    for task, pair in data.items():
        if task not in names:
            raise unknown_name("data", task, names, "task")
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InvalidTypeError(f"`data`: {task!r} must be (inputs, labels); got a {type(pair).__name__}.")
        inputs[task], labels[task] = as_inputs(pair[0]), as_arrays(pair[1])
        lengths = [len(part) for part in keras.tree.flatten((inputs[task], labels[task]))]
        if len(set(lengths)) != 1 or not lengths[0]:
            raise InvalidInputError(f"`data`: {task!r} needs as many labels as inputs, at least 1; found {lengths}.")
        form = [(part.dtype, tuple(part.shape[1:])) for part in keras.tree.flatten(inputs[task])]
        like = like or (task, form)
        if form != like[1]:
            raise InvalidInputError(
                f"`data`: the inputs of {task!r} must have dtypes and shapes {like[1]}, as those of {like[0]!r} have; "
                f"found {form}."
            )
    return inputs, labels


def check_main_labels(labels: Mapping[str, Any], *, needed: bool, negative: bool) -> None:
    """Refuse main labels that are needed and not there, or that cannot say "missing" in the batches of other tasks.

    Parameters
    ----------
    labels : mapping of str to array or structure of arrays
        The labels of each data set.
    needed : bool
        Whether the model has a main loss.
    negative : bool
        Whether -1 is a label, as for hinge losses.

    Raises
    ------
    InvalidInputError
        If there are no main labels, or they are integers of which -1 is one.
    """
    if needed and MAIN not in labels:
        raise InvalidInputError(
            f"`data` of TaskBatches holds no {MAIN!r}, and the model was compiled with a loss, which needs to know the "
            f"form of its labels; found {list(labels)}. Add 'main': (inputs, labels), or compile with loss=None."
        )
    dtypes = [part.dtype.name for part in keras.tree.flatten(labels.get(MAIN, ())) if part.dtype.kind != "f"]
    if negative and dtypes and len(labels) > 1:
        raise InvalidInputError(
            f"`data` of TaskBatches: the labels of {MAIN!r} must be floats for a hinge loss, where -1 is a class and "
            f"only NaN can say that a batch has none; found {', '.join(dtypes)}. Pass labels.astype('float32')."
        )
