"""Weights of classes that follow the training: by how rare a class is, or by how badly it is learnt."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from auxtasks.errors import InvalidInputError
from auxtasks.keras.task_losses.adapted import CLASS_KINDS, serialised
from auxtasks.specs import TargetSpec
from auxtasks.validation import check_choice, check_number


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
        super().__init__(name=name, dtype="float32")
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
