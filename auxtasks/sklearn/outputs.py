"""The outputs of a model: their names, their shapes, and whether they are probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.sklearn.labels import Encoded, Labels
from auxtasks.typing import Array

if TYPE_CHECKING:
    import keras

MAIN = "main"


def output_shapes(model: keras.Model, inputs: Any) -> dict[str, tuple[int, ...]]:
    """Return the shape of each output of a model without the samples, found by running it on a few.

    Parameters
    ----------
    model : keras.Model
        The model, built or not.
    inputs : ndarray
        Samples.

    Returns
    -------
    dict of str to tuple of int
        ``"main"`` for a model of one output, which is no mapping.

    Raises
    ------
    InvalidInputError
        If there are several outputs without names.
    """
    from auxtasks.keras.texts import as_tensors

    outputs = model(as_tensors(inputs[:2]), training=False)
    if isinstance(outputs, Mapping):
        return {name: tuple(output.shape[1:]) for name, output in outputs.items()}
    if not isinstance(outputs, (list, tuple)):
        return {MAIN: tuple(outputs.shape[1:])}
    names = getattr(model, "output_names", None)
    if names is None:
        raise InvalidInputError("`model` has several outputs without names; return a mapping of names to outputs.")
    return {name: tuple(output.shape[1:]) for name, output in zip(names, outputs, strict=True)}


def by_output(encoded: Encoded, names: list[str]) -> dict[str, Array]:
    """Give each output its labels.

    Parameters
    ----------
    encoded : tuple of ndarray
        The labels.
    names : list of str
        The outputs, in the order of the columns of y.

    Returns
    -------
    dict of str to ndarray
        Labels by output.

    Raises
    ------
    InvalidInputError
        If there are as many neither of outputs nor of columns.

    Examples
    --------
    >>> list(by_output((np.zeros((3, 2)),), ["height", "width"]))
    ['height', 'width']
    """
    if len(encoded) == 1 and encoded[0].ndim == 2 and len(names) > 1 and encoded[0].shape[1] == len(names):
        encoded = tuple(encoded[0].T)
    if len(encoded) != len(names):
        raise InvalidInputError(
            f"`model` has the outputs {names}, and `y` needs {len(encoded)}: a model of several outputs takes one "
            "column of y for each, and several columns of classes need an output each."
        )
    return dict(zip(names, encoded, strict=True))


def predictions(outputs: Any, names: list[str]) -> list[Array]:
    """Return what ``predict`` gave as a list of arrays, one for each output.

    Parameters
    ----------
    outputs : ndarray, list or mapping of ndarray
        What Keras returned.
    names : list of str
        The outputs, in the order of the columns of y.

    Returns
    -------
    list of ndarray
        In this order, whatever the one in which Keras returns them.
    """
    if isinstance(outputs, Mapping):
        return [outputs[name] for name in names]
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def as_columns(outputs: list[Array], labels: Labels) -> Array:
    """Lay the numbers that a model predicts out as y was.

    Parameters
    ----------
    outputs : list of ndarray
        The predictions.
    labels : Labels
        What y was like.

    Returns
    -------
    ndarray, shape (n,) or (n, outputs)
        The predictions.
    """
    table = np.concatenate([output.reshape(len(output), -1) for output in outputs], axis=1).astype(np.float64)
    return table[:, 0] if labels.target_type == "continuous" else table
