"""Calling the function that builds the model, with what it asks for by name, and compiling what it returns."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from auxtasks.audit.metrics.problem import about_loss
from auxtasks.errors import AuxTasksError, InvalidInputError, InvalidTypeError, unknown_name, wrong_type
from auxtasks.labels import missing_entries, present_rows
from auxtasks.sklearn.labels import Labels
from auxtasks.typing import Array

if TYPE_CHECKING:
    import keras

    from auxtasks.aux_targets import AuxTargets


_trained: WeakSet[Any] = WeakSet()
"""The models that were handed out to be trained."""


def build_model(builder: Any, targets: AuxTargets, labels: Labels, options: Mapping[str, Any]) -> keras.Model:
    import keras

    if not callable(builder) or isinstance(builder, keras.Model):
        raise InvalidTypeError(
            f"`model` must be a function that returns a new keras.Model; got {type(builder).__name__}. Of a model that "
            "is there already, pass a function that returns keras.models.clone_model of it."
        )
    known: dict[str, Any] = {
        "input_shape": tuple(targets.inputs.shape[1:]),
        "n_classes": labels.n_classes,
        "n_outputs": labels.n_outputs,
        "output_activation": labels.output_activation,
        "target_type": labels.target_type,
        "vocabulary_size": None if targets.vocabulary is None else len(targets.vocabulary),
    }
    model = builder(**_arguments(builder, {**known, "meta": known}, options))
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
    try:
        parameters = inspect.signature(builder).parameters.values()
    except ValueError as error:
        raise InvalidInputError(f"`model` must be a function that builds a model: {error}.") from error
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
ENOUGH_STEPS = 300
"""So many steps a training has at least by default: small networks on few labels gain little from more."""
Shapes = Mapping[str, tuple[int, ...]]


def epochs_for(model: Any, options: Mapping[str, Any], main: Mapping[str, Array]) -> Any:
    """Return the epochs that are asked for, by default as many as hold `ENOUGH_STEPS`."""
    from auxtasks.batches.planned import n_batches

    if options["epochs"] != AUTO:
        return options["epochs"]
    labelled = np.any([present_rows(labels) for labels in main.values()], axis=0)
    share = model._share(options["labelled_share"]) if options.get("shuffle", True) else None
    per_epoch = options.get("steps_per_epoch") or n_batches(labelled, options["batch_size"] or 32, share)
    return ceil(ENOUGH_STEPS / per_epoch)


def compile_wrapper(model: Any, base: keras.Model, estimator: Any, labels: Labels, shapes: Shapes) -> dict[str, Any]:
    """Compile the wrapper of a model, and return the loss of each output."""
    from auxtasks.keras.taught import losses_by_output

    if labels.classes:
        _check_units(labels, shapes)
    if base.compiled:
        _refuse_parameters(estimator)
        loss = base.loss
    else:
        options = {"optimizer": estimator.optimizer, "loss": estimator.loss, "metrics": estimator.metrics}
        options |= estimator.routed("compile")
        try:
            optimizer = _make_optimizer(options.pop("optimizer"), estimator.routed("optimizer"))
            loss, of_loss = options.pop("loss"), estimator.routed("loss")
            automatic = isinstance(loss, str) and loss == AUTO and not of_loss
            loss = _default_loss(base, labels, shapes) if automatic else _make_loss(loss, of_loss)
            model.compile(optimizer, loss, **options)
        except AuxTasksError:
            raise
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidInputError(
                f"`optimizer`, `loss` and `metrics`: Keras cannot compile with these: {error}"
            ) from error
    known = losses_by_output(loss, list(shapes))
    losses = {name: known.get(name) for name in shapes}
    if labels.classes and any(about_loss(each).scale == "margins" for each in losses.values()):
        raise InvalidInputError("`loss`: hinge losses give margins and no probabilities; use a cross-entropy.")
    return losses


def labels_for(losses: Mapping[str, Any], columns: Mapping[str, Array], labels: Labels) -> dict[str, Array]:
    """Give each loss the labels that it takes: one-hot rows for the categorical cross-entropy."""
    found = dict(columns)
    for place, (name, column) in enumerate(columns.items()):
        if column.dtype.kind == "i" and about_loss(losses[name]).name.startswith("categorical"):
            found[name] = np.eye(len(labels.classes[place]), dtype=np.float32)[column]
            found[name][missing_entries(column)] = np.nan
    return found


def _refuse_parameters(estimator: Any) -> None:
    routed = [f"{prefix}__{name}" for prefix in ("compile", "optimizer", "loss") for name in estimator.routed(prefix)]
    plain = {"optimizer": "adam", "loss": AUTO, "metrics": None}
    set_here = [name for name, default in plain.items() if getattr(estimator, name) != default] + routed
    if set_here:
        raise InvalidInputError(
            f"`{set_here[0]}` says how to compile, and so does the function that builds the model: it returns a "
            "compiled one. Compile it in one place; the function can have an argument for what is to vary (model__...)."
        )


def _default_loss(model: keras.Model, labels: Labels, shapes: Shapes) -> Any:
    from keras.losses import BinaryCrossentropy, MeanSquaredError, SparseCategoricalCrossentropy

    from auxtasks.keras.private import output_struct

    single = _check_units(labels, shapes)
    losses: dict[str, Any] = {}
    for name, layer in zip(shapes, _output_layers(model, list(shapes)), strict=True):
        if not labels.classes:
            losses[name] = MeanSquaredError()
        elif single[name] or labels.output_activation == "sigmoid":
            losses[name] = BinaryCrossentropy(from_logits=_is_linear(layer))
        else:
            losses[name] = SparseCategoricalCrossentropy(from_logits=_is_linear(layer))
    by_name = len(losses) > 1 or isinstance(output_struct(model), Mapping)
    return losses if by_name else next(iter(losses.values()))


def _check_units(labels: Labels, shapes: Shapes) -> dict[str, bool]:
    """Refuse outputs of another width than the labels, and tell which have a single unit for two classes."""
    single = {}
    for place, (name, shape) in enumerate(shapes.items()):
        units = shape[-1] if shape else 1
        needed = labels.n_outputs if len(shapes) == 1 else 1
        if labels.several:
            needed = len(labels.classes[place])
        single[name] = units == 1 and needed == 2 and labels.output_activation == "softmax"
        if units != needed and not single[name]:
            raise InvalidInputError(
                f"`model`: output {name!r} has {units} units, and {needed} are needed for these labels "
                f"({labels.target_type}); take the number from the argument `n_outputs` or `n_classes` of the function."
            )
    return single


def _output_layers(model: keras.Model, names: list[str]) -> list[Any]:
    """Return the layer that gives each output, None where that is not known."""
    import keras

    from auxtasks.keras.private import maker_of, output_struct

    struct = output_struct(model)
    outputs = [struct[name] for name in names] if isinstance(struct, Mapping) else getattr(model, "outputs", None)
    if outputs and len(outputs) == len(names) and maker_of(outputs[0]) is not None:
        return [maker_of(output) for output in outputs]
    return [model.layers[-1] if isinstance(model, keras.Sequential) and model.layers else None] * len(names)


def _is_linear(layer: Any) -> bool:
    """Tell whether a layer gives logits; where nothing is known, they are taken for probabilities."""
    import keras

    if isinstance(layer, keras.Sequential):
        return bool(layer.layers) and _is_linear(layer.layers[-1])
    return getattr(layer, "activation", None) is keras.activations.linear


def _make_optimizer(optimizer: Any, options: Mapping[str, Any]) -> Any:
    """Make an optimizer that no model has used."""
    import keras

    from auxtasks.keras.compiling import optimizer_like

    if isinstance(optimizer, type):
        return optimizer(**options)
    if isinstance(optimizer, str):
        return keras.optimizers.get({"class_name": optimizer, "config": dict(options)})
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return optimizer_like(optimizer, **options)
    raise InvalidTypeError(f"`optimizer` must be a name, a class or an optimizer; got {type(optimizer).__name__}.")


def _make_loss(loss: Any, options: Mapping[str, Any]) -> Any:
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
    import keras

    if not isinstance(callbacks, (list, tuple, Mapping)):
        callbacks = [] if callbacks is None else [callbacks]
    named = dict(callbacks.items() if isinstance(callbacks, Mapping) else enumerate(callbacks))
    for callback in named.values():
        if isinstance(callback, type) and not issubclass(callback, keras.callbacks.Callback):
            raise wrong_type("callbacks", "callbacks of Keras, or their classes", callback)
    classes = [str(name) for name, callback in named.items() if isinstance(callback, type)]
    for key in options:
        owner, separator, _ = key.partition("__")
        if not classes or (separator and owner not in classes):
            raise InvalidTypeError(
                f"`callbacks__{key}` needs a callback that is given as a class; those that are have the places or "
                f"names: {', '.join(classes) or 'none'}. Pass the class, such as EarlyStopping, and not an instance."
            )
    shared = {key: value for key, value in options.items() if "__" not in key}
    made = []
    for name, callback in named.items():
        start = f"{name}__"
        own = {key[len(start) :]: value for key, value in options.items() if key.startswith(start)}
        made.append(callback(**{**shared, **own}) if isinstance(callback, type) else copy.deepcopy(callback))
    return made


def forms_of(options: Any) -> Any:
    """Return arguments of ``fit`` with shapes, dtypes and numbers of labels in the place of arrays."""
    if isinstance(options, Mapping):
        return {name: forms_of(value) for name, value in options.items()}
    if isinstance(options, (list, tuple)):
        return [forms_of(each) for each in options]
    if not hasattr(options, "shape"):
        return options
    return [tuple(options.shape), str(options.dtype), int((~missing_entries(np.asarray(options))).sum())]
