"""How a model is compiled: as another one was, with an optimizer of its own."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from auxtasks.backend import errors_of_inputs
from auxtasks.batches.forms import as_tensors
from auxtasks.checksums import named
from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name, wrong_type
from auxtasks.keras.private import DECAY_EXCLUSIONS, compiled_as, is_wired, layers_in
from auxtasks.keras.trial import check_shapes

_BESIDE_LOSS = ("loss_weights", "metrics", "weighted_metrics", "auto_scale_loss")
_HOW = ("run_eagerly", "jit_compile", "steps_per_execution")


def compile_like(model: keras.Model, other: keras.Model) -> None:
    """Compile a model as another one was, if that is compiled, with a new optimizer of the same settings."""
    if not other.compiled:
        return
    optimizer = other.optimizer
    try:
        optimizer = optimizer_like(optimizer)
    except (NotImplementedError, TypeError):  # it, or its learning-rate schedule, has no configuration
        if optimizer is None or optimizer.built:
            return
    model.compile(optimizer, **compile_arguments(other))


def compile_back(base: keras.Model, model: keras.Model) -> None:
    """Compile the model in a wrapper as the wrapper was; one with a `compile` of its own is left as it is."""
    if compiles_itself(base):
        return
    compile_like(base, model)
    if base.compiled and base.optimizer is not None and not base.optimizer.built:
        # Keras warns when it loads an optimizer that was saved without a state.
        base.optimizer.build(base.trainable_variables)


def compiles_itself(model: keras.Model) -> bool:
    return type(model).compile not in (keras.Model.compile, keras.Sequential.compile)


def check_arguments(base: keras.Model, given: Mapping[str, Any]) -> None:
    """Refuse arguments that Keras's ``compile`` does not have."""
    known = list(inspect.signature(keras.Model.compile).parameters)[1:]
    for name in (name for name in given if name not in known):
        if not compiles_itself(base):
            raise unknown_name("compile", name, known, "argument")
        raise InvalidInputError(
            f"`compile`: {name!r} is not an argument of keras.Model.compile. It belongs to the training step of "
            f"{type(base).__name__}, which training with heads does not run. Pass a loss to compile; or attach heads "
            "to the network that the step trains, and add network.auxiliary_loss(x, targets) to its loss."
        )


def without_compiling(config: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a model without how it is compiled, which its wrapper knows."""
    return {name: value for name, value in config.items() if name != "compile_config"}


def compile_arguments(model: keras.Model) -> dict[str, Any]:
    # Compiled again without a loss, Keras keeps the one that it had.
    known = {**compiled_as(model), "loss": model.loss}
    given = {name: known[name] for name in ("loss", *_BESIDE_LOSS) if known.get(name) is not None}
    # True may be what "auto" came to for that model.
    return given | {name: getattr(model, name) for name in _HOW} | {"jit_compile": model.jit_compile and "auto"}


def checked_optimizer(optimizer: Any) -> keras.optimizers.Optimizer:
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return optimizer
    if not isinstance(optimizer, str):
        raise wrong_type("optimizer", "a name or a keras.optimizers.Optimizer", optimizer)
    try:
        return keras.optimizers.get(optimizer)
    except ValueError:
        classes = [found for found in vars(keras.optimizers).values() if isinstance(found, type)]
        raise unknown_name("optimizer", optimizer, [each.__name__ for each in classes], "optimizer") from None


def optimizer_like(optimizer: Any, **changed: Any) -> keras.optimizers.Optimizer:
    """Return a new optimizer with the settings of another one: a built one cannot be used again."""
    like = checked_optimizer(optimizer)
    new = type(like).from_config({**like.get_config(), **changed})
    for name in DECAY_EXCLUSIONS:
        if hasattr(unscaled(like), name):
            setattr(unscaled(new), name, getattr(unscaled(like), name))
    return new


def unscaled(optimizer: Any) -> Any:
    return getattr(optimizer, "inner_optimizer", optimizer)


def checked_model(base: Any) -> keras.Model:
    if not isinstance(base, keras.Model):
        raise InvalidTypeError(f"`build_model` must return a compiled keras.Model; it returned {type(base).__name__}.")
    if not base.compiled or base.loss is None:
        raise InvalidInputError("`build_model` must return a model compiled with an optimizer and a loss.")
    if base.optimizer.built:
        raise InvalidInputError(
            "`build_model` must make a new model with a new optimizer each time it is called; it returned one that was "
            "trained already."
        )
    return base


def output_shape(base: keras.Model, inputs: Any) -> tuple[int | None, ...]:
    """Return the shape of the one output of a model, found by running it on a few samples."""
    try:
        output = base(as_tensors(inputs[:2]), training=False)
    except errors_of_inputs() as error:
        check_shapes(inputs[:2], base, "X")
        raise InvalidInputError(
            f"`X`: the model that `build_model` returns does not take samples of shape {inputs.shape[1:]} and dtype "
            f"{inputs.dtype}. {last_words(error)}"
        ) from error
    if not hasattr(output, "shape"):
        raise InvalidInputError(
            f"`build_model` must return a model of one output, a tensor; found a {type(output).__name__} of outputs. "
            "Take one of them: keras.Model(model.inputs, model.outputs[0])."
        )
    return (None, *output.shape[1:])


def last_words(error: Exception) -> str:
    """Return what an error of Keras says, without the inputs that it begins with and the arguments at its end."""
    said = " ".join(re.sub(r"\x1b\[\d*m", "", str(error)).partition("Arguments received by")[0].split())
    return said if len(said) <= _SAID else f"… {said[-_SAID:]}"


_SAID = 200


def described_model(build_model: Callable[[], keras.Model]) -> list[Any]:
    """Describe a new model of a fixed seed by plain values: layers and wiring, weights, and how it is compiled."""
    keras.utils.set_random_seed(0)
    model = checked_model(build_model())
    layers = layers_in(model)
    weights = [np.asarray(weight) for weight in model.get_weights()]
    compiled = {name: named(compiled_as(model).get(name)) for name in _BESIDE_LOSS}
    return [
        [named(layer) for layer in layers],
        wiring_of(model, layers),
        weights,
        named(model.optimizer),
        named(model.loss),
        [compiled, *(getattr(model, name) for name in _HOW)],
    ]


def wiring_of(model: keras.Model, layers: list[Any]) -> str:
    """Write the configuration with numbers for the names of layers, which Keras counts through in a process."""
    if not is_wired(model):
        return type(model).__qualname__
    text = json.dumps(model.get_config(), default=repr, sort_keys=True)
    for number, layer in enumerate([model, *layers]):
        text = text.replace(json.dumps(layer.name), f'"#{number}"')
    return text
