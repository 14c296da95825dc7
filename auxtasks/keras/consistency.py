"""What an output says of a weakly changed copy, made a target for the strongly changed one (Berthelot et al. 2022)."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import keras
from keras import ops

from auxtasks.errors import InvalidInputError
from auxtasks.keras.losses import Total
from auxtasks.keras.packing import NUMERIC, loss_name
from auxtasks.keras.taught import loss_of_rows, takes_logits

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
    sure = ops.cast(ops.max(known, axis=-1) >= threshold_of(said, labelled, threshold), "float32")
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
    of_labelled, of_others = (_mean(said, rows) for rows in (labelled, 1.0 - labelled))
    scaled = said * (of_labelled + _LEAST) / (of_others + _LEAST)
    return scaled / ops.sum(scaled, axis=-1, keepdims=True)


def threshold_of(said: Any, labelled: Any, threshold: float) -> Any:
    """Return a share of how sure, on average, the answers are for labelled samples, shape (entries,)."""
    return threshold * _mean(ops.max(said, axis=-1), labelled)


def _mean(values: Any, rows: Any) -> Any:
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
