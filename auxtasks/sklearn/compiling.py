"""Compiling the wrapper: as the builder compiled its model, or as the estimator's parameters say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.audit.metrics.loss import about_loss
from auxtasks.errors import InvalidInputError
from auxtasks.sklearn.labels import Labels
from auxtasks.sklearn.losses import Shapes, check_units, default_losses
from auxtasks.sklearn.making import make_loss, make_optimizer
from auxtasks.typing import Array

if TYPE_CHECKING:
    import keras

AUTO = "auto"


def compile_wrapper(model: Any, base: keras.Model, estimator: Any, labels: Labels, shapes: Shapes) -> list[Any]:
    """Compile the wrapper of a model.

    Parameters
    ----------
    model : AuxModel
        The wrapper.
    base : keras.Model
        The model, compiled or not.
    estimator : AuxClassifier or AuxRegressor
        Whose parameters say how.
    labels : Labels
        What is predicted.
    shapes : mapping of str to tuple of int
        The shape of each output.

    Returns
    -------
    list
        The loss of each output.

    Raises
    ------
    InvalidInputError
        If both the builder and parameters say how to compile; if a loss gives no probabilities; if an output has not
        as many units as there are classes.
    """
    if labels.classes:
        check_units(labels, shapes)
    if base.compiled:
        from auxtasks.audit.model import compile_like

        _refuse_parameters(estimator)
        compile_like(model, base)
        loss = base.loss
    else:
        compiled = {"optimizer": estimator.optimizer, "loss": estimator.loss, "metrics": estimator.metrics}
        compiled |= estimator.routed("compile")
        compiled["optimizer"] = make_optimizer(compiled["optimizer"], estimator.routed("optimizer"))
        loss = compiled["loss"]
        if isinstance(loss, str) and loss == AUTO and not estimator.routed("loss"):
            chosen = default_losses(base, labels, shapes)
            loss = chosen if len(chosen) > 1 or isinstance(_struct(base), Mapping) else next(iter(chosen.values()))
        compiled["loss"] = make_loss(loss, estimator.routed("loss"))
        loss = compiled["loss"]
        model.compile(**compiled)
    losses = _of_each(loss, list(shapes))
    if labels.classes and any(about_loss(each).scale == "margins" for each in losses):
        raise InvalidInputError("`loss`: hinge losses give margins and no probabilities; use a cross-entropy.")
    return losses


def labels_for(losses: Sequence[Any], columns: Mapping[str, Array], labels: Labels) -> dict[str, Array]:
    """Give each loss the labels that it takes: one-hot rows for the categorical cross-entropy.

    Parameters
    ----------
    losses : sequence of str, keras.losses.Loss or function
        The loss of each output.
    columns : mapping of str to ndarray
        The labels of each output; classes are integers.
    labels : Labels
        What they are.

    Returns
    -------
    dict of str to ndarray
        The labels of each output.

    Examples
    --------
    >>> labels = Labels("binary", 1, (np.array(["a", "b"]),))
    >>> labels_for(["categorical_crossentropy"], {"main": np.array([1, -1])}, labels)["main"]
    array([[ 0.,  1.],
           [nan, nan]], dtype=float32)
    """
    found = dict(columns)
    for place, (loss, (name, column)) in enumerate(zip(losses, columns.items(), strict=True)):
        if column.dtype.kind == "i" and about_loss(loss).name.startswith("categorical"):
            found[name] = np.eye(len(labels.classes[place]), dtype=np.float32)[column]
            found[name][column == -1] = np.nan
    return found


def _of_each(loss: Any, names: list[str]) -> list[Any]:
    if isinstance(loss, Mapping):
        return [loss.get(name) for name in names]
    return list(loss) if isinstance(loss, (list, tuple)) else [loss] * len(names)


def _struct(base: keras.Model) -> Any:
    return getattr(base, "_outputs_struct", None)


def _refuse_parameters(estimator: Any) -> None:
    routed = [f"{prefix}__{name}" for prefix in ("compile", "optimizer", "loss") for name in estimator.routed(prefix)]
    plain = {"optimizer": "adam", "loss": AUTO, "metrics": None}
    set_here = [name for name, default in plain.items() if getattr(estimator, name) != default] + routed
    if set_here:
        raise InvalidInputError(
            f"`{set_here[0]}` says how to compile, and so does the function that builds the model: it returns a "
            "compiled one. Compile it in one place; the function can have an argument for what is to vary (model__...)."
        )
