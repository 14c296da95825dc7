"""Predictions of the auxiliary targets themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from auxtasks.keras.recording import recording
from auxtasks.specs import Kind

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
        return {name: _activate(self.model.specs[name].kind, output) for name, output in linear.items()}


def _activate(kind: Kind, output: Any) -> Any:
    if kind == "multilabel":
        return ops.sigmoid(output)
    return ops.softmax(output, axis=-1) if kind in ("class", "step_class", "distribution") else output
