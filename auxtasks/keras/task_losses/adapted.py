"""A loss of Keras as the loss of a target: one value an entry or row, and which of them are present."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from auxtasks.specs import Kind, TargetSpec

CLASS_KINDS: tuple[Kind, ...] = ("class", "step_class")


class Adapted:
    """Computes a Keras loss of the linear outputs of a head, missing entries replaced before the arithmetic.

    Parameters
    ----------
    spec : TargetSpec
        The target. Multilabel targets have a value for each label; others one for each row along the last axis, so that
        a row of numbers with a missing one among them is missing.
    loss : keras.losses.Loss
        The loss; its reduction is not used. Classes are given to it as numbers if its name begins with "Sparse", and
        one-hot otherwise; outputs as logits where it has a ``from_logits``, and as probabilities otherwise.
    """

    def __init__(self, spec: TargetSpec, loss: keras.losses.Loss) -> None:
        self.spec = spec
        options = {**getattr(loss, "_fn_kwargs", {}), **loss.get_config()}
        self._takes_logits = "from_logits" in options
        # Of logits a loss is exact also for large ones.
        self._loss = type(loss).from_config({**options, "from_logits": True}) if self._takes_logits else loss
        self._takes_numbers = type(loss).__name__.startswith("Sparse")

    def __call__(self, target: Any, output: Any) -> tuple[Any, Any]:
        """Return the loss of every entry or row, and which are present."""
        prediction = output if self._takes_logits else activated(self.spec, output)
        if self.spec.kind in CLASS_KINDS:
            target = ops.cast(target, "int32")
            present, safe = target >= 0, ops.maximum(target, 0)
            safe = safe if self._takes_numbers else ops.one_hot(safe, self.spec.size)
            return self._of_rows(safe, prediction), present
        target = ops.cast(target, "float32")
        if self.spec.kind == "multilabel":
            present = target >= 0  # neither -1 nor NaN
            safe = ops.where(present, target, 0.0)
            return self._of_rows(ops.expand_dims(safe, -1), ops.expand_dims(prediction, -1)), present
        present = ops.logical_not(ops.any(ops.isnan(target), axis=-1))
        # A missing row becomes the prediction itself and not 0, where a loss such as the cosine has no gradient.
        safe = ops.where(ops.expand_dims(present, -1), target, ops.stop_gradient(prediction))
        return self._of_rows(safe, prediction), present

    def _of_rows(self, target: Any, prediction: Any) -> Any:
        return ops.cast(self._loss.call(target, prediction), "float32")


def serialised(loss: Any) -> dict[str, Any]:
    """Return a loss as Keras serialises it, with the options that Keras leaves out (the ``delta`` of Huber's)."""
    described: dict[str, Any] = keras.saving.serialize_keras_object(loss)
    described["config"] = {**getattr(loss, "_fn_kwargs", {}), **described["config"]}
    return described


def activated(spec: TargetSpec, output: Any) -> Any:
    """Turn linear outputs of a head into what it predicts: probabilities, or numbers as they are."""
    if spec.kind == "multilabel":
        return ops.sigmoid(output)
    return ops.softmax(output, axis=-1) if spec.kind in (*CLASS_KINDS, "distribution") else output
