"""How each phase is compiled: as the model was, with an optimizer of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.files import named

_KEPT = ("loss", "loss_weights", "metrics", "weighted_metrics", "auto_scale_loss")
_HOW = ("run_eagerly", "jit_compile", "steps_per_execution")


def compile_arguments(model: keras.Model, loss: Any, metrics: Any) -> dict[str, Any]:
    """Return the arguments of ``compile`` beside the optimizer."""
    if loss is not None:
        return {"loss": loss, "metrics": metrics}
    known = dict(getattr(getattr(model, "_compile_config", None), "config", {}))
    if known.get("loss") is None:
        raise InvalidInputError("`loss`: the model is not compiled; pass the loss to train with.")
    kept = {name: known[name] for name in _KEPT if known.get(name) is not None}
    if metrics is not None:
        kept["metrics"] = metrics
    return {**kept, **{name: getattr(model, name) for name in _HOW}}


def optimizer_like(optimizer: Any, learning_rate: float) -> keras.optimizers.Optimizer:
    """Return a new optimizer with the settings of another one: a built one cannot be used again."""
    if not isinstance(optimizer, (str, keras.optimizers.Optimizer)):
        raise InvalidTypeError(
            f"`optimizer` must be a name or a keras.optimizers.Optimizer; got {optimizer!r} of type "
            f"{type(optimizer).__name__}."
        )
    like = keras.optimizers.get(optimizer)
    return type(like).from_config({**like.get_config(), "learning_rate": learning_rate})


_COMPILED = ("loss_weights", "metrics", "weighted_metrics", "auto_scale_loss")


def checked_model(base: Any) -> keras.Model:
    """Refuse what cannot be trained."""
    import keras

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
    from auxtasks.batches.forms import as_tensors

    output = base(as_tensors(inputs[:2]), training=False)
    if not hasattr(output, "shape"):
        raise InvalidInputError(
            f"`build_model` must return a model of one output, a tensor; found a {type(output).__name__} of outputs. "
            "Take one of them: keras.Model(model.inputs, model.outputs[0])."
        )
    return (None, *output.shape[1:])


def compile_like(model: Any, base: keras.Model) -> None:
    """Compile a wrapper as the model in it was, with the same optimizer."""
    compiled = _compiled(base)
    model.compile(
        base.optimizer,
        base.loss,
        run_eagerly=base.run_eagerly,
        jit_compile=base.jit_compile,
        steps_per_execution=base.steps_per_execution,
        **{name: compiled[name] for name in _COMPILED if compiled.get(name) is not None},
    )


def described_model(build_model: Callable[[], keras.Model]) -> list[Any]:
    """Describe a new model of a fixed seed by plain values: layers and wiring, weights, and how it is compiled."""
    from auxtasks.keras.seeds import set_seed

    set_seed(0)
    model = checked_model(build_model())
    layers = list(model._flatten_layers(include_self=False))
    weights = [np.asarray(weight) for weight in model.get_weights()]
    compiled = {name: named(_compiled(model).get(name)) for name in _COMPILED}
    how = [compiled, model.run_eagerly, model.jit_compile, model.steps_per_execution]
    return [
        [named(layer) for layer in layers],
        _wiring(model, layers),
        weights,
        named(model.optimizer),
        named(model.loss),
        how,
    ]


def _wiring(model: keras.Model, layers: list[Any]) -> str:
    """Write the configuration with numbers for the names of layers, which Keras counts through in a process."""
    import keras

    if not isinstance(model, (keras.Sequential, keras.src.models.Functional)):
        return type(model).__qualname__
    text = json.dumps(model.get_config(), default=repr, sort_keys=True)
    for number, layer in enumerate([model, *layers]):
        text = text.replace(json.dumps(layer.name), f'"#{number}"')
    return text


def _compiled(base: keras.Model) -> dict[str, Any]:
    """Return the arguments that a model was compiled with, as they were given."""
    found = getattr(base, "_compile_config", None)
    return dict(getattr(found, "config", {}))
