"""Another main head on the same trunk."""

from __future__ import annotations

from typing import Any

import keras

from auxtasks.errors import InvalidInputError, unknown_name
from auxtasks.keras.finetune.freezing import base_of
from auxtasks.keras.layers import direct_layers
from auxtasks.validation import check_int

_SIZES = ("units", "filters")
"""What layers call the number of their outputs."""


def replace_head(model: keras.Model, n_outputs: int, *, activation: Any = None, head: str | None = None) -> keras.Model:
    """Return a model with a new main head for another number of classes, and all other layers shared.

    Parameters
    ----------
    model : keras.Model
        A functional or Sequential model, or an `AuxModel` around one, whose auxiliary heads are left behind.
    n_outputs : int
        The number of units of the new head.
    activation : str or callable, optional
        Its activation; that of the old head by default. Going from one unit to several classes takes ``"softmax"``,
        and back ``"sigmoid"``.
    head : str, optional
        The name of the layer to replace; the last one with weights by default. Needed with several outputs.

    Returns
    -------
    keras.Model
        The head is of the same class, settings and name as the old one, with new weights; what follows it (an
        activation, pooling) is kept. The layers below are the very same objects, so that training the new model trains
        those of the old one too.

    Raises
    ------
    InvalidInputError
        If the model is subclassed or not built, or the head is no layer of units or filters, or inside a nested model;
        for a softmax of one unit.
    UnknownNameError, InvalidTypeError
        If there is no such layer, or an argument is of another type.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4), keras.layers.Dense(2, "softmax")])
    >>> other = replace_head(model, 7)
    >>> other.output_shape, other.layers[0] is model.layers[0]
    ((None, 7), True)
    """
    base = base_of(model)
    n_outputs = check_int("n_outputs", n_outputs, low=1)
    if not isinstance(base, (keras.Sequential, keras.src.models.Functional)):
        raise InvalidInputError(
            f"`model` must be functional or Sequential, so that its layers can be wired anew; got "
            f"{type(base).__name__}. Make a new head in the code of that class."
        )
    if not base.built or not base.inputs:
        raise InvalidInputError("`model` was never built; call it on samples, or give it a keras.Input, first.")
    old = _head_of(base, head)
    config = old.get_config()
    size = next((name for name in _SIZES if name in config), None)
    if size is None:
        raise InvalidInputError(
            f"`head`: layer {old.name!r} is a {type(old).__name__}, and only the units of Dense and the filters of "
            "Conv layers can be changed; name the layer that makes the outputs."
        )
    config[size] = n_outputs
    if activation is not None:
        config["activation"] = keras.activations.serialize(keras.activations.get(activation))
    if n_outputs == 1 and config.get("activation") == "softmax":
        raise InvalidInputError("`activation`: the softmax of one unit is always 1; pass 'sigmoid' or 'linear'.")
    new = type(old).from_config(config)
    # Keras wires the layers that this function returns, which are the same ones but for the head.
    return keras.models.clone_model(base, clone_function=lambda layer: new if layer is old else layer)


def _head_of(base: keras.Model, name: str | None) -> keras.Layer:
    layers = direct_layers(base)
    if name is not None:
        found = next((layer for layer in layers if layer.name == name), None)
        if found is None:
            raise unknown_name("head", name, [layer.name for layer in layers], "layer of the model itself")
        return found
    if len(base.outputs) > 1:
        raise InvalidInputError(f"`head`: the model has {len(base.outputs)} outputs; name the layer to replace.")
    weighted = [layer for layer in layers if layer.weights]
    if not weighted:
        raise InvalidInputError("`model` has no layer with weights, and so no head to replace.")
    if isinstance(weighted[-1], keras.Model):
        raise InvalidInputError(
            f"`model`: its last weights are inside the nested model {weighted[-1].name!r}; replace the head of "
            "that one."
        )
    return weighted[-1]
