"""Predictions of the auxiliary targets themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from auxtasks.keras.recording import recording
from auxtasks.keras.task_losses.adapted import activated
from auxtasks.specs import TargetSpec

if TYPE_CHECKING:
    from auxtasks.keras.model import AuxModel


class AuxiliaryPredictor(keras.Model):
    """A view of an `AuxModel` that returns what its heads predict.

    Parameters
    ----------
    model : AuxModel
        The model with heads.
    """

    def __init__(self, model: AuxModel) -> None:
        super().__init__(name=f"{model.name}_auxiliary", dtype=model.dtype_policy, autocast=model.autocast)
        self.model = model
        self.built = True

    def call(self, inputs: Any) -> dict[str, Any]:
        """Return the prediction of each target: numbers as trained, or probabilities."""
        with recording(self.model.tapped_layers) as events:
            self.model(inputs, training=False)
        linear = self.model.predict_heads(events)
        specs = self.model.specs
        return {name: _padded(specs[name], activated(specs[name], output)) for name, output in linear.items()}


def _padded(spec: TargetSpec, output: Any) -> Any:
    """Bring predictions per step to the target's length: the texts of another batch may be longer or shorter."""
    if spec.kind not in ("step_class", "step_vector") or output.shape[1] == spec.shape[0]:
        return output
    length = spec.shape[0]
    output = output[:, :length]
    padding = [[0, 0], [0, length - tf.shape(output)[1]], [0, 0]]
    padded = tf.pad(output, padding, constant_values=tf.constant(float("nan"), output.dtype))
    return tf.ensure_shape(padded, (None, length, spec.size))
