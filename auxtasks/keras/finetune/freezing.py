"""Freezing the layers up to a depth, and its inverse."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any

import keras

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.keras.finetune.depth import Depth, layers_up_to, outputs_of
from auxtasks.keras.model import AuxModel


class Frozen:
    """Layers made untrainable by `freeze`, until `unfreeze` is called or the ``with`` block ends.

    Parameters
    ----------
    model : keras.Model
        The model.
    layers : iterable of keras.Layer
        Those to freeze, with what is inside them.
    """

    def __init__(self, model: keras.Model, layers: Iterable[keras.Layer]) -> None:
        # Setting the flag of a layer sets those of all inside it, so every flag is kept, and put back outermost first.
        self._flags: list[tuple[Any, bool]] = [(layer, layer.trainable) for layer in model._flatten_layers()]
        self._flags += [(variable, variable.trainable) for variable in model.weights]
        for layer in layers:
            layer.trainable = False

    def unfreeze(self) -> None:
        """Put every flag back as it was before `freeze`; a second call does nothing."""
        for owner, flag in self._flags:
            if owner.trainable != flag:
                owner.trainable = flag
        self._flags = []

    def __enter__(self) -> Frozen:
        """Return this."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unfreeze, also after an error."""
        self.unfreeze()


def freeze(model: keras.Model, up_to: Depth = "auto", *, inputs: Any = None) -> Frozen:
    """Make the layers up to a depth untrainable.

    Parameters
    ----------
    model : keras.Model
        Any Keras model, or an `AuxModel`, of which the base is frozen and the heads are not.
    up_to : str, int or float, default "auto"
        The last layer to freeze, in the words of `attach_heads`: a layer name or path, an index into ``model.layers``,
        or a fraction of the depth from 0.0 (first layer) to 1.0 (last). ``"auto"`` freezes all that lies below the main
        head, which is the last layer with weights.
    inputs : array or structure of arrays, optional
        Samples of what the model reads, for a trial run; needed for a subclassed model and for texts.

    Returns
    -------
    Frozen
        Its ``unfreeze()`` puts every flag back as it was; it can be used in a ``with`` statement.

    Raises
    ------
    InvalidInputError
        If nothing up to there can be trained anyway, or nothing would be left to train; if `inputs` is needed.
    UnknownNameError, InvalidTypeError
        If there is no such layer, or an argument is of another type.

    Notes
    -----
    Compile the model afterwards, with a new optimizer: Keras reads the flags then. The order is that of the forward
    pass, so that of two branches some layers of both may be frozen. Layers inside nested models are told apart; a layer
    made of layers that is no model, such as a transformer block, is frozen as a whole, unless a layer in it is named.
    A frozen ``BatchNormalization`` uses its moving statistics and leaves them as they are. Weights that a subclassed
    model makes itself, and no layer has, are not frozen.

    Examples
    --------
    >>> layers = [keras.layers.Dense(4, name="one"), keras.layers.Dense(3, name="two"), keras.layers.Dense(2)]
    >>> model = keras.Sequential([keras.Input((5,)), *layers])
    >>> with freeze(model, "one"):
    ...     [layer.trainable for layer in model.layers], len(model.trainable_weights)
    ([False, True, True], 4)
    >>> len(model.trainable_weights)
    6
    """
    base = base_of(model)
    found = layers_up_to(up_to, base, outputs_of(base, inputs))
    check_frozen(up_to, found.values(), model)
    return Frozen(base, found.values())


def base_of(model: Any) -> keras.Model:
    """Return the model itself, or the one that an `AuxModel` wraps.

    Raises
    ------
    InvalidTypeError
        If it is no model.
    """
    if not isinstance(model, keras.Model):
        raise InvalidTypeError(f"`model` must be a keras.Model; got {model!r} of type {type(model).__name__}.")
    return model.base if isinstance(model, AuxModel) else model


def check_frozen(depth: Depth, layers: Iterable[keras.Layer], model: keras.Model) -> None:
    """Refuse a depth that freezes nothing, or everything.

    Raises
    ------
    InvalidInputError
        If so.
    """
    frozen = {id(weight) for layer in layers for weight in layer.trainable_weights}
    if not frozen:
        raise InvalidInputError(f"`up_to`: {depth!r} holds no weight that could be trained; go deeper.")
    if all(id(weight) in frozen for weight in model.trainable_weights):
        raise InvalidInputError(f"`up_to`: {depth!r} freezes all weights, and nothing is left to train; go less deep.")
