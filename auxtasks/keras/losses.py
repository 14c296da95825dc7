"""Losses of auxiliary targets: one sum and one count per task, over what is present; which they are, and their chance.

Missing targets are replaced before the arithmetic. Replaced afterwards, their NaN would survive in the gradient,
because zero times NaN is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
from keras import ops
from scipy.special import ndtri

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.keras.private import options_of
from auxtasks.specs import CLASS_KINDS, STEP_KINDS, Kind, TargetSpec
from auxtasks.typing import Array
from auxtasks.validation import check_choice, check_keys, check_name, check_number


class Total(NamedTuple):
    """The sum of a loss over present entries, and how many entries were present."""

    loss: Any
    count: Any


Entries = Callable[[Any, Any], tuple[Any, Any]]
"""From a target and the linear output of a head to the loss of every entry, and which are present."""


def loss_of(
    spec: TargetSpec, target: Any, output: Any, mask: Any = None, weight: Any = None, entries: Entries | None = None
) -> Total:
    per_step = spec.kind in STEP_KINDS
    if per_step:
        target, output, mask = same_steps(target, output, mask)
        if weight is not None and len(weight.shape) > 1:
            weight = weight[:, : ops.shape(target)[1]]
    values, present = (entries or LOSSES[spec.kind])(target, output)
    if mask is not None and per_step:
        present = ops.logical_and(present, _broadcast(ops.cast(mask, "bool"), present))
    values = ops.where(present, values, 0.0)
    if weight is not None:
        values = values * _broadcast(ops.cast(weight, values.dtype), values)
    return Total(ops.sum(values), ops.sum(ops.cast(present, "float32")))


def losses_of_vectors(sizes: Sequence[int], target: Any, output: Any) -> Total:
    """Return the losses of several vectors that lie side by side, in one expression."""
    squared, present = _squared_error(target, output)
    owner = np.repeat(np.eye(len(sizes), dtype="float32"), sizes, axis=0)
    sums = ops.stack([ops.sum(squared, axis=0), ops.sum(ops.cast(present, "float32"), axis=0)])
    loss, count = ops.unstack(ops.matmul(sums, ops.convert_to_tensor(owner)))
    return Total(loss, count)


def same_steps(target: Any, output: Any, mask: Any) -> tuple[Any, Any, Any]:
    """Cut to the steps that both have; what the target has beyond these is padding, and what the output has unknown."""
    found, expected = ops.shape(output)[1], ops.shape(target)[1]
    if isinstance(found, int) and found == expected:
        return target, output, mask
    steps = ops.minimum(found, expected)
    return target[:, :steps], output[:, :steps], None if mask is None else mask[:, :steps]


def _broadcast(narrow: Any, wide: Any) -> Any:
    """Add axes to a per-sample or per-step tensor until it spreads over a wider one."""
    return ops.reshape(narrow, (*ops.shape(narrow), *[1] * (len(wide.shape) - len(narrow.shape))))


def entries_of(kind: Kind, target: Any) -> tuple[Any, Any]:
    """Return the entries of a target, 0 in the place of those that are missing, and which are present."""
    if kind in CLASS_KINDS:
        target = ops.cast(target, "int32")
        return ops.maximum(target, 0), target >= 0
    target = ops.cast(target, "float32")
    present = target >= 0 if kind == "multilabel" else ops.logical_not(ops.isnan(target))  # neither -1 nor NaN
    return ops.where(present, target, 0.0), present


def _squared_error(target: Any, output: Any) -> tuple[Any, Any]:
    safe, present = entries_of("vector", target)
    return ops.square(ops.where(present, output - safe, 0.0)), present


def _cross_entropy(target: Any, output: Any) -> tuple[Any, Any]:
    safe, present = entries_of("class", target)
    return ops.sparse_categorical_crossentropy(safe, output, from_logits=True), present


def _binary_cross_entropy(target: Any, output: Any) -> tuple[Any, Any]:
    safe, present = entries_of("multilabel", target)
    return ops.softplus(output) - output * safe, present


def _distribution_cross_entropy(target: Any, output: Any) -> tuple[Any, Any]:
    safe, present = entries_of("distribution", target)
    return -ops.sum(safe * ops.log_softmax(output, axis=-1), axis=-1), ops.all(present, axis=-1)


LOSSES: dict[str, Entries] = {
    "vector": _squared_error,
    "step_vector": _squared_error,
    "image": _squared_error,
    "class": _cross_entropy,
    "step_class": _cross_entropy,
    "multilabel": _binary_cross_entropy,
    "distribution": _distribution_cross_entropy,
}


class Adapted:
    """Computes a Keras loss of the linear outputs of a head, missing entries replaced before the arithmetic.

    Multilabel targets have a value for each label; others one for each row along the last axis, so that a row of
    numbers with a missing one among them is missing. The reduction of the loss is not used. Classes are given to it as
    numbers if its name begins with "Sparse", and one-hot otherwise; outputs as logits where it has a ``from_logits``,
    and as probabilities otherwise.
    """

    def __init__(self, spec: TargetSpec, loss: keras.losses.Loss) -> None:
        self.spec = spec
        options = options_of(loss)
        self._takes_logits = "from_logits" in options
        # Of logits a loss is exact also for large ones.
        self._loss = type(loss).from_config({**options, "from_logits": True}) if self._takes_logits else loss
        self._takes_numbers = type(loss).__name__.startswith("Sparse")

    def __call__(self, target: Any, output: Any) -> tuple[Any, Any]:
        """Return the loss of every entry or row, and which are present."""
        prediction = output if self._takes_logits else activated(self.spec, output)
        safe, present = entries_of(self.spec.kind, target)
        if self.spec.kind in CLASS_KINDS:
            safe = safe if self._takes_numbers else ops.one_hot(safe, self.spec.size)
        elif self.spec.kind == "multilabel":
            safe, prediction = ops.expand_dims(safe, -1), ops.expand_dims(prediction, -1)
        else:
            present = ops.all(present, axis=-1)
            # A missing row becomes the prediction itself and not 0, where a loss such as the cosine has no gradient.
            safe = ops.where(ops.expand_dims(present, -1), safe, ops.stop_gradient(prediction))
        return ops.cast(self._loss.call(safe, prediction), "float32"), present


def serialised(loss: Any) -> dict[str, Any]:
    """Return a loss as Keras serialises it, with the options that Keras leaves out (the ``delta`` of Huber's)."""
    described: dict[str, Any] = keras.saving.serialize_keras_object(loss)
    described["config"] = {**options_of(loss), **described["config"]}
    return described


def activated(spec: TargetSpec, output: Any) -> Any:
    """Turn linear outputs of a head into what it predicts: probabilities, or numbers as they are."""
    if spec.kind == "multilabel":
        return ops.sigmoid(output)
    return ops.softmax(output, axis=-1) if spec.kind in (*CLASS_KINDS, "distribution") else output


@keras.saving.register_keras_serializable("auxtasks")
class Rebalanced(keras.layers.Layer):
    """A loss of classes or labels whose weights are found anew in each step of training.

    Parameters
    ----------
    by : {"frequency", "loss"}
        What makes a class count more: that it is rare, or that its mean loss is high.
    loss : str, mapping or keras.losses.Loss, optional
        What is weighted, as `losses` of `attach_heads` takes it; the cross-entropy by default.
    momentum : float, default 0.99
        How much of the past is kept in each step, from 0 (the batch alone) to 1 (all alike).

    Notes
    -----
    With running frequencies ``f`` and running mean losses ``l`` over the classes, both with one average sample added to
    each class, the weight of class c is ``1 / (K f_c)`` by frequency, as scikit-learn's ``class_weight="balanced"``,
    and ``l_c / sum_i(f_i l_i)`` by loss. Either way the mean weight over the samples is 1. In a multilabel target each
    label has two classes, 0 and 1, weighted among themselves. State is saved with the model; in evaluation the weights
    are those that training has come to.

    Examples
    --------
    >>> Rebalanced(by="loss", momentum=0.9).get_config()["by"]
    'loss'
    """

    def __init__(
        self, by: str = "frequency", loss: Any = None, momentum: float = 0.99, name: str | None = None
    ) -> None:
        super().__init__(name=None if name is None else check_name("name", name), dtype="float32")
        self.by = check_choice("by", by, ("frequency", "loss"))
        self.loss = loss
        self.momentum = check_number("momentum", momentum, low=0.0, high=1.0)
        self.spec: TargetSpec | None = None

    def for_target(self, spec: TargetSpec, loss: keras.losses.Loss | None) -> Rebalanced:
        """Return one with a state of its own, for the classes of this target and a resolved loss."""
        if spec.kind not in (*CLASS_KINDS, "multilabel"):
            raise InvalidInputError(
                f"`losses`: 'rebalanced' weighs classes, and target {spec.name!r} is of kind {spec.kind!r}."
            )
        made = Rebalanced(self.by, loss, self.momentum)
        made.spec = spec
        shape = (spec.size, 2) if spec.kind == "multilabel" else (1, spec.size)
        made.counts = made._state("counts", shape)
        made.sums = made._state("sums", shape)
        made.built = True
        return made

    def _state(self, name: str, shape: tuple[int, int]) -> Any:
        # Several devices see different parts of a batch.
        return self.add_weight(name=name, shape=shape, initializer="zeros", trainable=False, aggregation="mean")

    def weighted(self, target: Any, values: Any, present: Any, *, training: bool) -> Any:
        """Return losses times the weights of their classes, which first take note of them in training."""
        classes, sizes = ops.maximum(ops.cast(target, "int32"), 0), self.counts.shape
        flat = ops.reshape(ops.one_hot(classes, sizes[1]), (-1, *sizes))
        if training:
            known = ops.reshape(ops.cast(present, "float32"), (-1, sizes[0], 1)) * flat
            losses = ops.reshape(ops.stop_gradient(ops.where(present, values, 0.0)), (-1, sizes[0], 1))
            self.counts.assign(self.momentum * self.counts + ops.sum(known, axis=0))
            self.sums.assign(self.momentum * self.sums + ops.sum(known * losses, axis=0))
        weights = ops.reshape(ops.sum(flat * self.weights_of_classes(), axis=-1), ops.shape(values))
        return values * ops.stop_gradient(weights)

    def weights_of_classes(self) -> Any:
        """Return the weights as they are now, shape (1, classes), or (labels, 2)."""
        counts, sums = ops.convert_to_tensor(self.counts), ops.convert_to_tensor(self.sums)
        frequency = (counts + 1.0) / ops.sum(counts + 1.0, axis=1, keepdims=True)
        total = ops.sum(counts, axis=1, keepdims=True)
        mean = ops.where(total > 0, ops.divide_no_nan(ops.sum(sums, axis=1, keepdims=True), total), 1.0)
        raw = 1.0 / frequency if self.by == "frequency" else (sums + mean) / (counts + 1.0)
        return ops.divide_no_nan(raw, ops.sum(frequency * raw, axis=1, keepdims=True))

    def get_config(self) -> dict[str, Any]:
        """Return the options."""
        loss = self.loss
        if isinstance(loss, keras.losses.Loss):
            loss = serialised(loss)
        return {"name": self.name, "by": self.by, "loss": loss, "momentum": self.momentum}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Rebalanced:
        """Make what `get_config` described."""
        loss = config["loss"]
        if isinstance(loss, dict) and "class_name" in loss:
            loss = keras.saving.deserialize_keras_object(loss)
        return cls(**{**config, "loss": loss})


_FOCAL = {**dict.fromkeys(CLASS_KINDS, "CategoricalFocalCrossentropy"), "multilabel": "BinaryFocalCrossentropy"}
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
