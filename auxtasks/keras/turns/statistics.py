"""What layers learn in passing, such as moving means, goes back where the trained task does not reach the layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from auxtasks.keras.layers import walk


class _Held(NamedTuple):
    """A variable that no gradient trains, its value, and the trainable variables of its layer."""

    variable: Any
    value: Any
    of_layer: frozenset[int]


class Statistics:
    """The values of what is not trained, in the layers of a model that have something trainable too.

    Others are left out: frozen layers change nothing, and nothing tells who reaches a layer that trains nothing.

    Parameters
    ----------
    base : keras.Model
        Before its forward pass.

    Examples
    --------
    >>> base = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    >>> statistics, norm = Statistics(base), base.layers[0]
    >>> _ = norm.moving_mean.assign([5.0, 5.0])
    >>> statistics.put_back(reached=[norm.gamma])
    >>> norm.moving_mean.numpy().tolist()
    [5.0, 5.0]
    >>> statistics.put_back(reached=[])
    >>> norm.moving_mean.numpy().tolist()
    [0.0, 0.0]
    """

    def __init__(self, base: keras.Model) -> None:
        self._held: list[_Held] = []
        for _, layer in walk(base):
            of_layer = frozenset(id(variable) for variable in layer.trainable_variables)
            own = layer._non_trainable_variables if of_layer else []
            self._held += [_Held(variable, tf.identity(variable.value), of_layer) for variable in own]

    def put_back(self, reached: Sequence[Any]) -> None:
        """Give layers of which no variable was reached the values they had.

        Parameters
        ----------
        reached : sequence of keras.Variable
            The variables with a gradient.
        """
        known = {id(variable) for variable in reached}
        for variable, value, of_layer in self._held:
            if not of_layer & known:
                variable.assign(value)
