"""The labels of a model's outputs: by name, and with missing ones left out of Keras's own losses and metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import keras
from keras import ops, tree

from auxtasks.keras.private import flat_labels, flat_metrics, mask_of, output_struct
from auxtasks.labels import MAIN, split_missing


def label_names(base: keras.Model) -> list[str] | None:
    """Return the names that the labels of a model's outputs have, in the order in which Keras flattens the outputs."""
    if isinstance(base, keras.Sequential):
        return [MAIN]
    outputs = getattr(base, "outputs", None)
    if not outputs:
        return None
    struct = output_struct(base)
    if isinstance(struct, dict):
        return sorted(struct)
    return [MAIN] if len(outputs) == 1 else list(base.output_names)


def returned_names(returned: Any) -> list[str]:
    """Return the names that labels have by what a model returned: those of a mapping, and of a tuple the places."""
    if isinstance(returned, Mapping):
        return sorted(returned)
    if isinstance(returned, (list, tuple)):
        return [str(place) for place in range(len(returned))]
    return [MAIN]


def by_place(values: Any, names: Sequence[str] | None) -> Any:
    """Return labels or weights that are named by their place as the list in which Keras takes them."""
    places = [str(place) for place in range(len(names or ()))]
    return [values.get(name) for name in places] if isinstance(values, Mapping) and names == places else values


def by_label(main: Any, names: Sequence[str] | None) -> Mapping[str, Any]:
    if isinstance(main, Mapping):
        return main
    if isinstance(main, (list, tuple)):
        return dict(zip(names, main, strict=True)) if names and len(names) == len(main) else {}
    return {} if main is None else {names[0] if names and len(names) == 1 else MAIN: main}


def mean_weights(present: Any, sample_weight: Any = None, mask: Any = None) -> Any:
    """Return weights under which Keras's mean over the batch is the mean over the labels present."""
    if mask is None or len(mask.shape) != len(present.shape):
        entries, counted = ops.cast(ops.size(present), "float32"), present
    else:
        mask = ops.cast(mask, "float32")
        entries, counted = ops.sum(mask), present * mask
    return metric_weights(present * ops.divide_no_nan(entries, ops.sum(counted)), sample_weight)


def metric_weights(present: Any, sample_weight: Any = None, mask: Any = None) -> Any:
    """Return weights that leave missing labels out of a metric, or of a loss that is a sum."""
    del mask
    if sample_weight is None:
        return present
    weight = ops.cast(sample_weight, "float32")
    if len(weight.shape) > len(present.shape):
        weight = ops.squeeze(weight, axis=-1)
    elif len(weight.shape) < len(present.shape):
        weight = ops.expand_dims(weight, -1)
    return present * weight


def without_missing(y: Any, y_pred: Any, sample_weight: Any, weigh: Callable[..., Any]) -> tuple[Any, Any]:
    """Replace missing labels of one output or several, and weigh them out."""
    if not isinstance(y, (Mapping, list, tuple)):
        output = tree.flatten(y_pred)[0]
        split = split_missing(y, output)
        return split.safe, weigh(split.present, sample_weight, mask_of(output))
    keys = list(y) if isinstance(y, Mapping) else range(len(y))
    parts = {key: without_missing(y[key], _part(y_pred, key), _part(sample_weight, key), weigh) for key in keys}
    if isinstance(y, Mapping):
        return {key: part[0] for key, part in parts.items()}, {key: part[1] for key, part in parts.items()}
    return [part[0] for part in parts.values()], [part[1] for part in parts.values()]


def _part(values: Any, key: Any) -> Any:
    """Return the part of one output; an array of weights without parts serves every output, as in Keras."""
    if isinstance(values, Mapping):
        return values.get(key)
    if isinstance(values, (list, tuple)):
        return values[key]
    return values


def like_outputs(values: Any, y_pred: Any, names: Sequence[str] | None) -> Any:
    """Bring labels or weights of several outputs into the form in which the model returns these."""
    if names and isinstance(values, Mapping) and isinstance(y_pred, (list, tuple)):
        return [values.get(name) for name in names]
    if isinstance(values, (list, tuple)) and isinstance(y_pred, Mapping):
        return dict(zip(sorted(y_pred), values, strict=True))  # in the order in which Keras flattens a mapping
    return values


def count_labelled(y: Any, y_pred: Any) -> Any:
    """Count the samples of which a label is present."""
    _, present = without_missing(y, y_pred, None, metric_weights)
    rows = [ops.max(part, axis=tuple(range(1, len(part.shape)))) for part in tree.flatten(present)]
    return ops.sum(ops.cast(reduce(ops.maximum, rows), "int32"))


def update_metrics(compiled: Any, y: Any, y_pred: Any, sample_weight: Any) -> None:
    """Update compiled metrics with the labels that are present.

    Keras gives the metrics of ``compile(metrics=...)`` no weights at all, and a missing label would count as a wrong
    one; so each is updated here with weights of 0 and 1.
    """
    labels, present = without_missing(y, y_pred, None, metric_weights)
    _, weighted = without_missing(y, y_pred, sample_weight, metric_weights)
    if not compiled.built:
        compiled.build(labels, y_pred)
    outputs, labels, present, weighted = (flat_labels(compiled, part) for part in (y_pred, labels, present, weighted))
    for metrics, weights in zip(flat_metrics(compiled), (present, weighted), strict=True):
        # Not strict, because some versions of Keras have no entries where no output has metrics.
        for metric, label, output, weight in zip(metrics, labels, outputs, weights, strict=False):
            if metric is not None:
                metric.update_state(label, output, weight)
