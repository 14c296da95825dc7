"""Calling the function that builds the model, with what it asks for by name."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from auxtasks.audit.metrics.problem import about_loss
from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.sklearn.labels import Labels
from auxtasks.typing import Array

if TYPE_CHECKING:
    import keras

    from auxtasks.aux_targets import AuxTargets


_trained: WeakSet[Any] = WeakSet()
"""The models that were handed out to be trained."""


@dataclass(frozen=True)
class Problem:
    """What a builder may need to know; `AuxClassifier` describes each.

    Parameters
    ----------
    input_shape, n_classes, n_outputs, output_activation, target_type, vocabulary_size
        As `AuxClassifier` describes them.
    """

    input_shape: tuple[int, ...]
    n_classes: int | list[int] | None
    n_outputs: int
    output_activation: str
    target_type: str
    vocabulary_size: int | None

    @classmethod
    def of(cls, targets: AuxTargets, labels: Labels) -> Problem:
        """Read it off the targets and the labels."""
        return cls(
            input_shape=tuple(targets.inputs.shape[1:]),
            n_classes=labels.n_classes,
            n_outputs=labels.n_outputs,
            output_activation=labels.output_activation,
            target_type=labels.target_type,
            vocabulary_size=None if targets.vocabulary is None else len(targets.vocabulary),
        )


def build_model(builder: Any, problem: Problem, options: Mapping[str, Any]) -> keras.Model:
    """Build the model."""
    import keras

    if not callable(builder) or isinstance(builder, keras.Model):
        raise InvalidTypeError(
            f"`model` must be a function that returns a new keras.Model; got {type(builder).__name__}. Of a model that "
            "is there already, pass a function that returns keras.models.clone_model of it."
        )
    arguments = _arguments(builder, {**vars(problem), "meta": dict(vars(problem))}, options)
    model = builder(**arguments)
    if not isinstance(model, keras.Model):
        raise InvalidTypeError(f"`model` must return a keras.Model; it returned {type(model).__name__}.")
    if model in _trained:
        raise InvalidInputError(
            "`model` must return a new model each time it is called; it returned one that was trained before, which "
            "would carry what it learned from one fold into the next. Make it inside the function, or return "
            "keras.models.clone_model of it."
        )
    _trained.add(model)
    return model


def _arguments(builder: Any, known: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(builder).parameters.values()
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in options:
            if name not in named:
                raise unknown_name(f"model__{name}", name, named, "argument of the function that builds the model")
    filled = {**{name: known[name] for name in named if name in known}, **options}
    for parameter in parameters:
        if parameter.name in named and parameter.default is parameter.empty and parameter.name not in filled:
            raise InvalidInputError(
                f"`model`: its argument {parameter.name!r} has no default and no value; set model__{parameter.name}, "
                f"or use one of the names that are filled in: {', '.join(known)}."
            )
    return filled


AUTO = "auto"


def compile_wrapper(model: Any, base: keras.Model, estimator: Any, labels: Labels, shapes: Shapes) -> list[Any]:
    """Compile the wrapper of a model."""
    if labels.classes:
        check_units(labels, shapes)
    if base.compiled:
        from auxtasks.keras.compiling import compile_like

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
    """Give each loss the labels that it takes: one-hot rows for the categorical cross-entropy."""
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


Shapes = Mapping[str, tuple[int, ...]]


def default_losses(model: keras.Model, labels: Labels, shapes: Shapes) -> dict[str, Any]:
    """Choose the loss of each output from the labels."""
    import keras

    logits = dict(zip(shapes, _are_logits(model, list(shapes)), strict=True))
    single = check_units(labels, shapes)
    losses: dict[str, Any] = {}
    for name in shapes:
        if not labels.classes:
            losses[name] = keras.losses.MeanSquaredError()
        elif single[name] or labels.output_activation == "sigmoid":
            losses[name] = keras.losses.BinaryCrossentropy(from_logits=logits[name])
        else:
            losses[name] = keras.losses.SparseCategoricalCrossentropy(from_logits=logits[name])
    return losses


def check_units(labels: Labels, shapes: Shapes) -> dict[str, bool]:
    """Refuse outputs of another width than the labels; probabilities would be those of other classes."""
    single = {}
    for place, (name, shape) in enumerate(shapes.items()):
        units = shape[-1] if shape else 1
        needed = _units_needed(labels, place, len(shapes))
        single[name] = units == 1 and needed == 2 and labels.output_activation == "softmax"
        if units != needed and not single[name]:
            raise InvalidInputError(
                f"`model`: output {name!r} has {units} units, and {needed} are needed for these labels "
                f"({labels.target_type}); take the number from the argument `n_outputs` or `n_classes` of the function."
            )
    return single


def _units_needed(labels: Labels, place: int, n_outputs: int) -> int:
    if labels.several:
        return len(labels.classes[place])
    return labels.n_outputs if n_outputs == 1 else 1


def _are_logits(model: keras.Model, names: list[str]) -> list[bool]:
    """Tell of each output whether a linear layer gives it; where nothing is known, it is taken for probabilities."""
    layers = getattr(model, "layers", [])
    struct = getattr(model, "_outputs_struct", None)
    if isinstance(struct, Mapping):
        return [_is_linear(struct[name]._keras_history.operation) for name in names]
    outputs = getattr(model, "outputs", None)
    if outputs and len(outputs) == len(names) and hasattr(outputs[0], "_keras_history"):
        return [_is_linear(output._keras_history.operation) for output in outputs]
    return [_is_linear(layers[-1]) if layers and len(names) == 1 and _is_sequential(model) else False] * len(names)


def _is_sequential(model: keras.Model) -> bool:
    import keras

    return isinstance(model, keras.Sequential)


def _is_linear(layer: Any) -> bool:
    import keras

    if isinstance(layer, keras.Sequential):
        return bool(layer.layers) and _is_linear(layer.layers[-1])
    return getattr(layer, "activation", None) is keras.activations.linear


def make_optimizer(optimizer: Any, options: Mapping[str, Any]) -> Any:
    """Make an optimizer that no model has used."""
    import keras

    if isinstance(optimizer, type):
        return optimizer(**options)
    if isinstance(optimizer, str):
        return keras.optimizers.get({"class_name": optimizer, "config": dict(options)})
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return type(optimizer).from_config({**optimizer.get_config(), **options})
    raise InvalidTypeError(f"`optimizer` must be a name, a class or an optimizer; got {type(optimizer).__name__}.")


def make_loss(loss: Any, options: Mapping[str, Any]) -> Any:
    """Make a loss."""
    import keras

    if isinstance(loss, str) and options:
        name = "".join(part[:1].upper() + part[1:] for part in loss.split("_"))
        loss = getattr(keras.losses, name, loss)
    if isinstance(loss, type):
        return loss(**options)
    if options:
        raise InvalidTypeError(
            f"`loss__{next(iter(options))}` needs a loss that is given as a class or by the name of one; got {loss!r}."
        )
    return loss


def make_callbacks(callbacks: Any, options: Mapping[str, Any]) -> list[Any]:
    """Make callbacks that no training has used."""
    if callbacks is None or not isinstance(callbacks, (list, tuple, Mapping)):
        callbacks = [] if callbacks is None else [callbacks]
    named = dict(callbacks.items() if isinstance(callbacks, Mapping) else enumerate(callbacks))
    classes = [str(name) for name, callback in named.items() if isinstance(callback, type)]
    for key in options:
        owner, separator, _ = key.partition("__")
        if not classes or (separator and owner not in classes):
            raise InvalidTypeError(
                f"`callbacks__{key}` needs a callback that is given as a class; those that are have the places or "
                f"names: {', '.join(classes) or 'none'}. Pass the class, such as EarlyStopping, and not an instance."
            )
    made = []
    for name, callback in named.items():
        start = f"{name}__"
        own = {key[len(start) :]: value for key, value in options.items() if key.startswith(start)}
        shared = {key: value for key, value in options.items() if "__" not in key}
        made.append(callback(**{**shared, **own}) if isinstance(callback, type) else copy.deepcopy(callback))
    return made
