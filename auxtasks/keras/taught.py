"""Soft labels: targets that the model's own main output learns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from scipy.special import expit, softmax

from auxtasks.errors import InvalidInputError
from auxtasks.keras.losses import Total
from auxtasks.keras.outputs import by_label, label_names
from auxtasks.keras.packing import loss_name
from auxtasks.keras.private import options_of
from auxtasks.labels import MAIN
from auxtasks.specs import TargetSpec
from auxtasks.typing import Floats


def loss_of_output(spec: TargetSpec, target: Any, output: Any, loss: Any, weight: Any = None) -> Total:
    """Return the loss of an output against soft labels: the main loss, as far as it takes probabilities."""
    target = _as_wide(spec, ops.cast(target, "float32"), output)
    present = ops.logical_not(ops.any(ops.isnan(target), axis=-1))
    output = ops.cast(output, "float32")
    # A missing row is the output itself, which no loss between numbers minds, or evenly spread over the classes.
    filler = ops.stop_gradient(output) if spec.kind == "vector" else ops.full_like(target, 1.0 / target.shape[-1])
    safe = ops.where(ops.expand_dims(present, -1), target, filler)
    if spec.kind == "distribution":
        # The most probable class: on the tuning data no worse than the probabilities, and better where these are flat.
        safe = _hardened(safe)
    values = ops.cast(loss_of_rows(loss, safe, ops.reshape(output, ops.shape(safe))), "float32")
    values = ops.where(present, ops.reshape(values, (-1,)), 0.0)
    if weight is not None:
        values = values * ops.cast(weight, "float32")
    return Total(ops.sum(values), ops.sum(ops.cast(present, "float32")))


def _hardened(shares: Any) -> Any:
    if shares.shape[-1] == 1:
        return ops.cast(shares > 0.5, shares.dtype)
    return ops.one_hot(ops.argmax(shares, axis=-1), shares.shape[-1], dtype=shares.dtype)


def check_units(spec: TargetSpec, output: Any) -> int:
    """Return how many units an output has, unless it cannot learn some soft labels."""
    units = int(output.shape[-1]) if len(output.shape) > 1 else 1
    (width,) = spec.shape
    wide = spec.kind == "distribution" and (units > width or (units == 1 and width == 2))
    if units != width and not wide:
        raise InvalidInputError(
            f"`targets`: {spec.name!r} has soft labels of width {width}, but the output that learns them has {units} "
            f"{'unit' if units == 1 else 'units'}; give the model one for each class, label or number of `y`."
        )
    return units


def check_outputs(specs: Mapping[str, TargetSpec], base: keras.Model) -> None:
    """Refuse a model that cannot learn some soft labels, as far as its outputs are known before it runs."""
    names, outputs = label_names(base), getattr(base, "outputs", None)
    if not names or not outputs:
        return
    known = dict(zip(names, outputs, strict=True))
    for spec in (spec for spec in specs.values() if spec.is_taught):
        if spec.options["output"] not in known:
            raise InvalidInputError(
                f"`targets`: {spec.name!r} is learned by an output named {spec.options['output']!r}, but the outputs "
                f"of the model are {', '.join(map(repr, names))}; use these names for the labels in `y`."
            )
        check_units(spec, known[spec.options["output"]])


def _as_wide(spec: TargetSpec, target: Any, output: Any) -> Any:
    """Bring soft labels to the units of the output: one for two classes, or more classes than a label was seen of."""
    units, width = check_units(spec, output), target.shape[-1]
    if spec.kind == "distribution" and units == 1 and width == 2:
        return target[:, 1:]
    if spec.kind == "distribution" and units > width:
        return ops.pad(target, [[0, 0], [0, units - width]])
    return target


def loss_of_rows(loss: Any, target: Any, output: Any) -> Any:
    """Return a main loss of each row, as far as it takes probabilities."""
    found = keras.losses.get(loss)
    if "sparsecategorical" in loss_name(found).lower().replace("_", ""):
        return ops.categorical_crossentropy(target, output, from_logits=takes_logits(found))
    return found.call(target, output) if isinstance(found, keras.losses.Loss) else found(target, output)


def opinions(spec: TargetSpec, output: Any, loss: Any) -> Floats:
    """Return predictions of an output in the form of soft labels: probabilities, or numbers as they are."""
    found: Floats = np.asarray(output, np.float64).reshape(len(output), -1)
    if spec.kind == "vector":
        return found
    if takes_logits(keras.losses.get(loss)):
        exclusive = spec.kind == "distribution" and found.shape[1] > 1
        found = softmax(found, axis=1) if exclusive else expit(found)
    if spec.kind == "distribution" and found.shape[1] == 1:
        return np.concatenate([1.0 - found, found], axis=1)
    return found[:, : spec.shape[0]]


def takes_logits(loss: Any) -> bool:
    return bool(options_of(loss).get("from_logits", False)) if isinstance(loss, keras.losses.Loss) else False


def losses_by_output(loss: Any, outputs: list[str] | None) -> Mapping[str, Any]:
    """Return the compiled loss of each output by name; one loss for all is that of each."""
    if isinstance(loss, (Mapping, list, tuple)):
        if outputs and len(outputs) == 1 == len(loss):
            # Keras knows the one loss by the name of the layer, too.
            return dict.fromkeys(outputs, *(loss.values() if isinstance(loss, Mapping) else loss))
        return by_label(loss, outputs)
    return dict.fromkeys(outputs or [MAIN], loss)
