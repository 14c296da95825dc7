"""From names and options to losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops
from scipy.special import ndtri

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.keras.losses import Adapted, Rebalanced
from auxtasks.specs import CLASS_KINDS, Kind, TargetSpec
from auxtasks.typing import Array
from auxtasks.validation import check_keys

_FOCAL = {"class": "CategoricalFocalCrossentropy", "step_class": "CategoricalFocalCrossentropy"}
_FOCAL["multilabel"] = "BinaryFocalCrossentropy"
_CLASSES = tuple(sorted(CLASS_KINDS))
# Others are constant, or mean nothing: of a single label the softmax is 1, and its direction always the same.
_KINDS: dict[str, tuple[Kind, ...]] = {
    "Sparse": _CLASSES,
    "Binary": ("multilabel",),
    "CategoricalFocal": _CLASSES,
    "Categorical": (*_CLASSES, "distribution"),
    "KLDivergence": (*_CLASSES, "distribution"),
    "CosineSimilarity": (*_CLASSES, "distribution", "vector", "step_vector", "image"),
}
"""The kinds of target that a loss is for, by how the name of its class begins."""
_PLAIN = {
    name.lower(): cls
    for name, cls in vars(keras.losses).items()
    if isinstance(cls, type) and issubclass(cls, keras.losses.Loss) and cls is not keras.losses.Loss
}

TaskLoss: TypeAlias = keras.losses.Loss | Rebalanced


def resolve_losses(losses: Mapping[str, Any] | None, specs: Mapping[str, TargetSpec]) -> dict[str, TaskLoss]:
    asked = {} if losses is None else check_keys("losses", losses, specs, "auxiliary target")
    return {name: _resolved(specs[name], loss) for name, loss in asked.items()}


def _resolved(spec: TargetSpec, loss: Any) -> TaskLoss:
    if isinstance(loss, str):
        return _made(spec, loss, {})
    if isinstance(loss, Mapping) and len(loss) == 1:
        (name, options), *_ = loss.items()
        if isinstance(name, str) and isinstance(options, Mapping):
            return _made(spec, name, options)
    if isinstance(loss, Rebalanced):
        return loss.for_target(spec, _inner(spec, loss.loss))
    if isinstance(loss, keras.losses.Loss):
        return _fitting(spec, loss)
    raise InvalidTypeError(
        f"`losses`: the loss of {spec.name!r} must be a name such as 'focal' or 'huber', a mapping {{name: options}} "
        f"of one entry or a keras.losses.Loss (make one of a function); got {abbreviated(loss)}."
    )


def _inner(spec: TargetSpec, loss: Any) -> keras.losses.Loss | None:
    inner = None if loss is None else _resolved(spec, loss)
    if isinstance(inner, Rebalanced):
        raise InvalidInputError(f"`losses`: the loss of {spec.name!r} is rebalanced twice; rebalance it once.")
    return inner


def _made(spec: TargetSpec, name: str, options: Mapping[str, Any]) -> TaskLoss:
    try:
        if name == "rebalanced":
            return _resolved(spec, Rebalanced(**options))
        return _fitting(spec, _class_of(spec, name)(**options))
    except TypeError as error:  # an option that is missing or not known
        if isinstance(error, InvalidTypeError):
            raise
        raise InvalidInputError(f"`losses`: options of {name!r}: {str(error).split('__init__() ')[-1]}.") from error


def _class_of(spec: TargetSpec, name: str) -> type[keras.losses.Loss]:
    if name == "focal":
        if spec.kind not in _FOCAL:
            raise InvalidInputError(
                f"`losses`: 'focal' is for classes and labels, and target {spec.name!r} is of kind {spec.kind!r}; "
                "omit it, or use 'huber', for example."
            )
        return _PLAIN[_FOCAL[spec.kind].lower()]
    # Keras knows short names such as "mae" by functions.
    try:
        function = keras.losses.get(name)
    except ValueError:
        function = None
    known = getattr(function, "__name__", type(function).__name__).replace("_", "").lower()
    if known not in _PLAIN:
        names = ["focal", "rebalanced", *(cls.__name__ for cls in _PLAIN.values())]
        raise unknown_name("losses", name, names, "loss")
    return _PLAIN[known]


def _fitting(spec: TargetSpec, loss: keras.losses.Loss) -> keras.losses.Loss:
    name = type(loss).__name__
    for word, kinds in _KINDS.items():
        if name.startswith(word) and spec.kind not in kinds:
            raise InvalidInputError(
                f"`losses`: {name} is for targets of kind {' or '.join(map(repr, kinds))}; {spec.name!r} is of kind "
                f"{spec.kind!r}."
            )
    return loss


_ROWS = 4096
"""Of so many rows the loss of numbers is computed."""
_ENTRIES = 2**22
"""Of so many entries at once the loss of classes is computed: a vocabulary has many."""
_LEAST = 1e-6


def with_chance(
    specs: Mapping[str, TargetSpec], losses: Mapping[str, TaskLoss], arrays: Mapping[str, Any]
) -> dict[str, TargetSpec]:
    """Return specs whose chance is that of the losses that are used."""
    found = dict(specs)
    for name, loss in losses.items():
        loss = loss.loss if isinstance(loss, Rebalanced) else loss
        if loss is not None:
            chance = chance_of(specs[name], Adapted(specs[name], loss), arrays.get(name))
            found[name] = replace(specs[name], baseline_loss=chance)
    return found


def chance_of(spec: TargetSpec, loss: Callable[[Any, Any], tuple[Any, Any]], target: Array | None = None) -> float:
    """Return the loss of predicting the class frequencies, or the mean."""
    rows = _stand_ins(spec) if target is None else np.asarray(target)
    if spec.kind in CLASS_KINDS:
        counts = np.bincount(rows[rows >= 0].astype(int).ravel(), minlength=spec.size).astype(float)
        frequency = counts / max(counts.sum(), 1)
        found = sum(
            float(frequency[classes] @ _values(spec, loss, classes, np.tile(_log(frequency), (len(classes), 1))))
            for classes in np.array_split(np.arange(spec.size), spec.size**2 // _ENTRIES + 1)
        )
    elif spec.kind == "multilabel":
        # A label that nobody has is no reason to warn, as nanmean would.
        rates = np.ma.masked_array(rows, ~(rows >= 0), dtype=float).mean(axis=0).filled(np.nan)
        logits = np.tile(_log(rates) - _log(1 - rates), (2, 1))
        absent, present = _values(spec, loss, np.repeat([[0.0], [1.0]], spec.size, axis=1), logits)
        found = _mean(rates * present + (1 - rates) * absent)
    else:
        rows = rows[:: max(1, len(rows) // _ROWS)].astype(float)
        # A head per step is alike at every step.
        axes = (0, 1) if spec.kind == "step_vector" else (0,)
        mean = np.expand_dims(np.ma.filled(np.ma.masked_invalid(rows).mean(axis=axes), 0.0), axes)
        output = np.broadcast_to(_log(mean) if spec.kind == "distribution" else mean, rows.shape)
        found = _mean(_values(spec, loss, rows, output))
    return found if found > _LEAST else 1.0


def _values(spec: TargetSpec, loss: Callable[[Any, Any], tuple[Any, Any]], target: Array, output: Array) -> Array:
    values, present = loss(ops.convert_to_tensor(target), ops.convert_to_tensor(output.astype("float32")))
    if tuple(values.shape) != tuple(present.shape):
        raise InvalidInputError(
            f"`losses`: a loss must return one value per row along the last axis; for targets of shape {target.shape} "
            f"that of {spec.name!r} gave {tuple(values.shape)}, and {tuple(present.shape)} is expected."
        )
    found: Array = np.where(ops.convert_to_numpy(present), ops.convert_to_numpy(values), np.nan)
    return found


def _mean(values: Array) -> float:
    return float(np.ma.filled(np.ma.masked_invalid(values).mean(), 0.0))


def _log(probability: Array) -> Array:
    found: Array = np.log(np.clip(probability, 1e-7, None))
    return found


def _stand_ins(spec: TargetSpec) -> Array:
    if spec.kind in CLASS_KINDS:
        return np.arange(spec.size)
    if spec.kind == "multilabel":
        return np.repeat([[0.0], [1.0]], spec.size, axis=1)
    if spec.kind == "distribution":
        return np.eye(spec.shape[-1])
    quantiles = spec.baseline_loss**0.5 * ndtri((np.arange(99) + 0.5) / 99)  # those of a normal distribution
    # Columns in different orders, so that a row is no multiple of ones.
    columns = [np.roll(quantiles, 7 * column) for column in range(int(np.prod(spec.shape)))]
    return np.stack(columns, axis=-1).reshape(-1, *spec.shape)
