"""Weights of classes, by task: turned into sample weights at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.keras.outputs import by_label
from auxtasks.labels import class_weights
from auxtasks.specs import CLASS_KINDS, TargetSpec
from auxtasks.typing import Array
from auxtasks.validation import check_number, is_number

BALANCED = "balanced"

OfClasses = Mapping[Any, float] | str
"""A weight for each class or label, or ``"balanced"``."""


def by_name(asked: Any, main: str, outputs: Sequence[str] | None, specs: Mapping[str, TargetSpec]) -> dict[str, Any]:
    if asked is None:
        return {}
    if isinstance(asked, str) and asked == BALANCED:
        asked = {main: asked}
    if not isinstance(asked, Mapping):
        raise InvalidTypeError(
            f"`class_weight` must map class numbers to weights, or names to such mappings; got {abbreviated(asked)}. "
            "'balanced' weighs each class by how rare it is."
        )
    if not any(isinstance(key, str) for key in asked):
        asked = {main: asked}
    if outputs is not None and len(outputs) == 1:  # it may be called by its own name or "main"
        asked = {outputs[0] if name == main else name: weights for name, weights in asked.items()}
    if outputs is not None and len(outputs) > 1 and main in asked and main not in outputs:
        raise InvalidInputError(
            f"`class_weight`: the model has the outputs {list(outputs)}; name the output of the weights, as in "
            f"class_weight={{{outputs[0]!r}: {{0: 1.0, 1: 2.0}}}}."
        )
    known = [*(outputs or [main]), *specs]
    for name in asked:
        if name not in known and (outputs is not None or not isinstance(name, str)):
            raise unknown_name("class_weight", name, known, "output or target")
    return {name: _checked(name, weights, specs.get(name)) for name, weights in asked.items()}


def _checked(name: str, weights: Any, spec: TargetSpec | None) -> OfClasses:
    if spec is not None and spec.kind not in (*CLASS_KINDS, "multilabel"):
        raise InvalidInputError(
            f"`class_weight`: target {name!r} is of kind {spec.kind!r} and has no classes; use `sample_weight`."
        )
    if isinstance(weights, str) and weights == BALANCED:
        return weights
    if not isinstance(weights, Mapping):
        raise InvalidTypeError(
            f"`class_weight`: {name!r} must have a mapping of classes to weights, or {BALANCED!r}; got "
            f"{abbreviated(weights)}."
        )
    return {
        _number(name, key, spec): check_number(f"class_weight[{name!r}][{key!r}]", weight, low=0.0)
        for key, weight in weights.items()
    }


def _number(name: str, key: Any, spec: TargetSpec | None) -> int:
    names: Sequence[str] = () if spec is None else spec.columns if spec.kind == "multilabel" else spec.classes
    if isinstance(key, str) and key in names:
        return list(names).index(key)
    n = None if spec is None else spec.size
    whole = is_number(key) and float(key).is_integer()
    if whole and key >= 0 and (n is None or key < n):
        return int(key)
    valid = names or [str(number) for number in range(n or 0)]
    raise unknown_name("class_weight", key, valid, f"class of {name!r}")


def counted(weights: OfClasses, labels: Array, spec: TargetSpec | None) -> Any:
    """Return the numbers that "balanced" stands for on some labels; other weights are returned as they are.

    ``n / (k n_c)`` over the labels present, with the k classes that occur, as in scikit-learn's
    ``compute_class_weight``; each label of a multilabel target has two classes. The mean weight of a sample is 1.
    """
    if weights != BALANCED:
        return weights
    if spec is not None and spec.kind == "multilabel":
        counts = np.stack([np.sum(labels == 0, axis=0), np.sum(labels == 1, axis=0)], axis=-1)
        return _balanced(counts)
    one_hot = spec is None and labels.ndim > 1 and labels.shape[-1] != 1
    classes = labels.argmax(axis=-1)[~np.isnan(labels).any(axis=-1)] if one_hot else labels
    found, counts = np.unique(classes[classes >= 0], return_counts=True)
    return dict(zip(map(int, found), map(float, _balanced(counts[None])[0]), strict=True))


def _balanced(counts: Array) -> Array:
    occurring = np.sum(counts > 0, axis=1, keepdims=True)
    totals = counts.sum(axis=1, keepdims=True)
    weights: Array = np.divide(totals, occurring * counts, out=np.ones(counts.shape), where=counts > 0)
    return weights


def entry_weights(weights: Any, labels: Any, spec: TargetSpec | None) -> Any:
    if spec is None or spec.kind == "class":
        return class_weights(labels, weights)
    xp: Any = np if isinstance(labels, np.ndarray) else ops
    if spec.kind == "multilabel":
        if isinstance(weights, Mapping):
            weights = np.array([[1.0, weights.get(label, 1.0)] for label in range(spec.size)])
        absent, present = np.float32(weights[:, 0]), np.float32(weights[:, 1])
        return xp.where(labels > 0, present, absent)
    found = xp.ones_like(labels, dtype="float32")
    for number, weight in weights.items():
        found = xp.where(labels == number, np.float32(weight), found)
    return found


def combined(weights: Any, others: Any) -> Any:
    """Return the product of the weights of entries and, if there are any, those of samples."""
    if others is None:
        return weights
    others = others.astype("float32") if isinstance(others, np.ndarray) else ops.cast(others, "float32")
    return weights * (others if len(weights.shape) == len(others.shape) else others[:, None])


def main_weights(asked: Mapping[str, Any], main: Any, sample_weight: Any, names: Sequence[str] | None) -> Any:
    """Return sample weights of the main label, or of each output, with those of the classes in them."""
    if main is None:
        return sample_weight
    parts = by_label(main, names)
    for name in asked:
        if name not in parts:
            raise InvalidInputError(
                f"`class_weight`: `y` has no labels named {name!r}; found {list(parts)}. Pass the labels of several "
                "outputs by name."
            )
    if not keras.tree.is_nested(main):
        if sample_weight is not None:
            raise InvalidInputError("`class_weight` and `sample_weight` cannot both be given; multiply them yourself.")
        return class_weights(main, *asked.values())
    given = sample_weight if isinstance(sample_weight, Mapping) else dict.fromkeys(parts, sample_weight)
    if isinstance(sample_weight, (list, tuple)):
        given = dict(zip(parts, sample_weight, strict=True))
    found = {}
    for name, labels in parts.items():
        of_classes = class_weights(labels, asked.get(name, {}))
        found[name] = combined(of_classes, given.get(name))
    return found if isinstance(main, Mapping) else list(found.values())
