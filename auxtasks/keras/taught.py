"""What an output learns beside its labels: soft labels, and what it says itself of a changed copy.

The second makes the answer for a weakly changed copy a target for the strongly changed one (Berthelot et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import ops
from scipy.special import expit, softmax

from auxtasks.errors import InvalidInputError
from auxtasks.keras.losses import Total
from auxtasks.keras.outputs import by_label, label_names
from auxtasks.keras.packing import NUMERIC, loss_name
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


Kind = Literal["classes", "labels", "numbers"]
_LEAST = 1e-6


class Agreed(NamedTuple):
    """The loss over the samples without a label, and of how many of their entries the answer was sure enough."""

    loss: Total
    sure: Total


def agreed(kind: Kind, loss: Any, weak: Any, strong: Any, labelled: Any, threshold: float, *, align: bool) -> Agreed:
    """Return what it costs that an output says other things of strongly changed copies than of weakly changed ones.

    `labelled`, shape (n,), is 1.0 for the samples with a label of this output. Their copies tell how sure is sure
    enough, and how frequent classes are.
    """
    weak, strong = (ops.cast(output, "float32") for output in (ops.stop_gradient(weak), strong))
    others = 1.0 - labelled
    n_others = ops.sum(others)
    if kind == "numbers":
        weak, strong = (ops.reshape(output, (ops.shape(labelled)[0], -1)) for output in (weak, strong))
        values = ops.reshape(loss_of_rows(loss, weak, strong), (-1,))
        return Agreed(Total(ops.sum(values * others), n_others), Total(0.0, 0.0))
    said = shares_of(kind, weak, loss)
    known = aligned(said, labelled) if align else said
    # As a share of how sure, on average, the answers are for labelled samples.
    surest = threshold * _mean_of_rows(ops.max(said, axis=-1), labelled)
    sure = ops.cast(ops.max(known, axis=-1) >= surest, "float32")
    # Where no sample has a label, nothing tells how sure is sure enough.
    sure = sure * ops.expand_dims(others * ops.cast(ops.sum(labelled) > 0, "float32"), -1)
    # The most probable class: on the tuning data better than the probabilities, which push less.
    target = ops.one_hot(ops.argmax(known, axis=-1), known.shape[-1], dtype="float32")
    if kind == "classes":
        values = ops.reshape(loss_of_rows(loss, target[:, 0], strong), (-1, 1))
    else:  # one by one, since only some labels of a sample may be sure
        one_by_one = (ops.expand_dims(part, -1) for part in (target[..., 1], ops.reshape(strong, ops.shape(weak))))
        values = ops.reshape(loss_of_rows(loss, *one_by_one), ops.shape(sure))
    n_entries = float(known.shape[1])
    return Agreed(
        Total(ops.sum(ops.where(sure > 0, values, 0.0)) / n_entries, n_others),
        Total(ops.sum(sure) / n_entries, n_others),
    )


def shares_of(kind: Kind, output: Any, loss: Any) -> Any:
    """Return probabilities: of the classes (n, 1, classes), or that each label is not and is there (n, labels, 2)."""
    logits = takes_logits(keras.losses.get(loss))
    if kind == "classes":
        return ops.expand_dims(ops.softmax(output, axis=-1) if logits else output, 1)
    there = ops.sigmoid(output) if logits else output
    return ops.stack([1.0 - there, there], axis=-1)


def aligned(said: Any, labelled: Any) -> Any:
    """Return probabilities in which classes are as frequent among the other samples as among the labelled ones.

    Frequencies are the mean probabilities of the batch.
    """
    of_labelled, of_others = (_mean_of_rows(said, rows) for rows in (labelled, 1.0 - labelled))
    scaled = said * (of_labelled + _LEAST) / (of_others + _LEAST)
    return scaled / ops.sum(scaled, axis=-1, keepdims=True)


def _mean_of_rows(values: Any, rows: Any) -> Any:
    weights = ops.reshape(rows, (-1, *[1] * (len(values.shape) - 1)))
    return ops.divide_no_nan(ops.sum(values * weights, axis=0), ops.sum(rows))


def kind_of(name: str, loss: Any, output: Any) -> Kind:
    """Return what an output predicts, by its loss; refuse one of which agreement is not defined."""
    said = loss_name(keras.losses.get(loss)).split()[-1]
    known = said.lower().replace("_", "")
    if len(output.shape) > 2:
        raise InvalidInputError(
            f"`agreement`: the output {name!r} has shape {tuple(output.shape[1:])} for each sample, one prediction "
            "for each step or place, which changes may move. Agreement is defined for one prediction per sample; "
            "name other outputs as 'outputs'."
        )
    if "binary" in known and "crossentropy" in known:
        return "labels"
    if ("crossentropy" in known or "divergence" in known) and len(output.shape) == 2 and output.shape[1] > 1:
        return "classes"
    if NUMERIC.search(said.lower()):
        return "numbers"
    raise InvalidInputError(
        f"`agreement`: the loss of the output {name!r}, {said!r}, does not determine what the output predicts. "
        "Agreement is defined for cross-entropies of classes and of labels and for losses between numbers; compile "
        "with one of these, or name other outputs as 'outputs'."
    )
