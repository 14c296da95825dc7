"""Which layers lie up to a depth."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import keras
import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.keras.layers import find_layer, layer_at, walk
from auxtasks.keras.running import trial_run
from auxtasks.keras.samples import Samples
from auxtasks.keras.stages import stage_at, trunk
from auxtasks.keras.texts import is_text
from auxtasks.keras.trial import Output

Depth = str | int | float
"""``"auto"``, a layer name or path, an index into ``model.layers``, or a fraction of the depth."""
_LENGTH = 8
"""An axis that is left open has so many entries in a trial run on nothing."""


def outputs_of(model: keras.Model, inputs: Any) -> list[Output]:
    """Run a model on a few samples and list its layers in the order of the forward pass.

    Parameters
    ----------
    model : keras.Model
        The model.
    inputs : array or structure of arrays, or None
        Samples of what it reads; zeros in the shape that the model declares if None.

    Returns
    -------
    list of Output
        One for each call of a layer.

    Raises
    ------
    InvalidInputError
        If `inputs` is needed: the model is subclassed, or reads texts.
    """
    samples = Samples.of(_zeros(model) if inputs is None else inputs, model)
    return trial_run(model, samples.tensors(samples.rows()))


def layers_up_to(depth: Depth, model: keras.Model, outputs: Sequence[Output]) -> dict[str, keras.Layer]:
    """Return the layers whose output is made at or before a depth.

    Parameters
    ----------
    depth : str, int or float
        As `auxtasks.keras.freeze` takes it.
    model : keras.Model
        The model.
    outputs : sequence of Output
        What `outputs_of` saw.

    Returns
    -------
    dict of str to keras.Layer
        By path, in the order of the forward pass. A layer called several times counts at its first call, and as a depth
        at its last.

    Raises
    ------
    UnknownNameError, InvalidInputError, InvalidTypeError
        If there is no such depth.
    """
    layer = _layer_at(depth, model, outputs)
    calls = [number for number, output in enumerate(outputs) if output.layer is layer]
    if not calls:
        raise InvalidInputError(
            f"`up_to`: layer {layer.name!r} is not called when the model runs, or only inside a tf.function, which "
            "cannot be looked into; choose another layer."
        )
    return {output.path: output.layer for output in outputs[: calls[-1] + 1]}


def _layer_at(depth: Depth, model: keras.Model, outputs: Sequence[Output]) -> keras.Layer:
    if isinstance(depth, str):
        return _head_excluded(outputs) if depth == "auto" else find_layer(depth, model, "up_to")
    if isinstance(depth, bool) or not isinstance(depth, Real):
        raise InvalidTypeError(
            f"`up_to` takes a layer name, an index, a fraction of the depth or 'auto'; got {depth!r} of type "
            f"{type(depth).__name__}."
        )
    if isinstance(depth, Integral):
        return layer_at(int(depth), model, "up_to")
    return stage_at(float(depth), outputs, "up_to").layer


def _head_excluded(outputs: Sequence[Output]) -> keras.Layer:
    try:
        return trunk(outputs)[-1].layer
    except InvalidInputError as error:
        raise InvalidInputError(
            "`up_to`: below its last layer with weights the model has none that could be frozen; train it as it is, or "
            "name a layer."
        ) from error


def _zeros(model: keras.Model) -> Any:
    declared = getattr(model, "inputs", None)
    if not declared:
        known = ", ".join(repr(path) for path, _ in walk(model))
        raise InvalidInputError(
            f"`inputs`: {type(model).__name__} does not declare what it reads, and has to be run once to see the order "
            f"of its layers ({known or 'none made yet'}); pass a few samples."
        )
    if any(is_text(tensor) for tensor in declared):
        raise InvalidInputError("`inputs`: the model reads texts; pass a few of them.")
    return keras.tree.map_structure(
        lambda tensor: np.zeros(
            [length or _LENGTH for length in (tensor.shape[0] or 2, *tensor.shape[1:])], tensor.dtype
        ),
        model._inputs_struct if hasattr(model, "_inputs_struct") else declared[0],
    )
