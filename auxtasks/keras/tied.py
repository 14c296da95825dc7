"""Heads tied to an embedding of the model: its own vectors of words tell the classes apart.

Press and Wolf (2017), Using the Output Embedding to Improve Language Models, EACL, https://arxiv.org/abs/1608.05859.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from auxtasks.keras.heads import Head
from auxtasks.keras.pooling import Pooling
from auxtasks.keras.ties import Tie, matrix_of
from auxtasks.keras.trial import Shape
from auxtasks.specs import TargetSpec


class TiedHead(Head):
    """Predicts a class, per sample or per step, by the rows of an embedding of the model.

    The logit of class c is ``h @ E[row of c] + bias[c]``, where h is the tap (averaged over its axes for a class per
    sample), mapped by a kernel to the width of the embedding where that is another.

    Parameters
    ----------
    specs : sequence of TargetSpec
        One target.
    seed, name
        See `Head`.
    tie : Tie
        The rows and their width.
    embedding : keras.Layer
        The embedding; it stays a layer of the base alone.
    """

    def __init__(self, specs: Sequence[TargetSpec], seed: int, name: str, tie: Tie, embedding: keras.Layer) -> None:
        super().__init__(specs, seed, name)
        self._rows, self._width = tie.rows, tie.width
        # Keras does not look into a function, and would track and save the embedding once more.
        self._matrix: Callable[[], Any] = lambda: matrix_of(embedding)

    def build(self, shape: Shape) -> None:
        """Create the weights for a tap of this shape, batch first."""
        (spec,) = self.specs
        self._pooling = Pooling(shape[1:], spec.place) if spec.kind == "class" else None
        size = shape[-1] if self._pooling is None else self._pooling.size
        self.kernel = None if size == self._width else self._kernel("kernel", (size, self._width))
        self.bias = self._bias("bias", spec.size)
        self.built = True

    def call(self, features: Any, step_mask: Any = None) -> Any:
        """Return the logits, shape (batch, classes) or (batch, time, classes)."""
        if self._pooling is not None:
            features = self._pooling(features, step_mask)
        if self.kernel is not None:
            features = ops.matmul(features, self.kernel)
        rows = ops.take(ops.cast(self._matrix(), "float32"), ops.convert_to_tensor(self._rows, "int32"), axis=0)
        return ops.matmul(features, ops.transpose(rows)) + self.bias
