"""Training in phases, of which each freezes less than the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import keras
import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.keras.finetune.compiling import compile_arguments, optimizer_like
from auxtasks.keras.finetune.depth import Depth, layers_up_to, outputs_of
from auxtasks.keras.finetune.freezing import Frozen, base_of, check_frozen
from auxtasks.keras.finetune.labels import check_labels
from auxtasks.keras.forms import is_arrays
from auxtasks.validation import check_int, check_number


class _Phase(NamedTuple):
    """The layers that are frozen, for how many epochs, and the learning rate of the others."""

    layers: Sequence[keras.Layer]
    epochs: int
    rate: float


def fine_tune(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    freeze_to: Depth | Sequence[Depth | None] | None = "auto",
    epochs: int | Sequence[int] = (5, 5),
    learning_rate: float | Sequence[float] = (1e-3, 1e-5),
    optimizer: Any = "adam",
    loss: Any = None,
    metrics: Any = None,
    inputs: Any = None,
    **fit_options: Any,
) -> list[keras.callbacks.History]:
    """Train the head on a frozen trunk, then all of the model at a lower rate, by plain ``compile`` and ``fit``.

    Parameters
    ----------
    model : keras.Model
        A trained model: what `strip_heads` or `replace_head` returned, or any other. Of an `AuxModel`, also one loaded
        from a file, the base is trained, without auxiliary losses.
    x, y
        As for `keras.Model.fit`: samples with a main label, these alone.
    freeze_to : str, int, float or None, or sequence of these, default "auto"
        What stays frozen in each phase, as `up_to` of `freeze`; None freezes nothing. One value stands for itself and
        then None: the head first, everything after. ``("auto", 0.66, None)`` unfreezes step by step.
    epochs : int or sequence of int, default (5, 5)
        Of all phases, or one for each; the default is for two.
    learning_rate : float or sequence of float, default (1e-3, 1e-5)
        As `epochs`.
    optimizer : str or keras.optimizers.Optimizer, default "adam"
        Each phase has a new one with these settings and its own learning rate.
    loss, metrics
        As for ``compile``; by default, and if `loss` is None, as the model was compiled.
    inputs : array or structure of arrays, optional
        Samples for a trial run, for a subclassed model where `x` is no array.
    **fit_options
        Further arguments of ``fit`` for every phase, such as ``validation_data``, ``batch_size`` or ``callbacks``.

    Returns
    -------
    list of keras.callbacks.History
        One for each phase.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError
        If an argument of any phase cannot be used, or labels are missing; before anything is trained.

    Notes
    -----
    All flags are as they were when this returns, also after an error or interruption. The model is left compiled with
    the optimizer of the last phase. Layers that were not trainable before stay so in every phase. Unfreezing from the
    top down, in several phases, is due to Howard and Ruder (2018, Universal language model fine-tuning for text
    classification).

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.random.default_rng(0).normal(size=(8, 5)), np.arange(8) % 2
    >>> layers = [keras.layers.Dense(4, "relu"), keras.layers.Dense(2, "softmax")]
    >>> model = keras.Sequential([keras.Input((5,)), *layers])
    >>> histories = fine_tune(model, x, y, epochs=(2, 1), loss="sparse_categorical_crossentropy", verbose=0)
    >>> [len(each.history["loss"]) for each in histories]
    [2, 1]
    """
    base = base_of(model)
    compiled = compile_arguments(model, loss, metrics)
    check_labels(y, base, compiled["loss"])
    if inputs is None and is_arrays(x):
        inputs = x
    phases = _phases(base, freeze_to, epochs, learning_rate, inputs)
    # All are made before the first is used, so that a setting that no optimizer takes stops nothing half way.
    optimizers = [optimizer_like(optimizer, phase.rate) for phase in phases]
    histories = []
    for phase, fresh in zip(phases, optimizers, strict=True):
        with Frozen(base, phase.layers) if phase.layers else nullcontext():
            base.compile(fresh, **compiled)
            histories.append(base.fit(x, y, epochs=phase.epochs, **fit_options))
    return histories


def _phases(base: keras.Model, freeze_to: Any, epochs: Any, learning_rate: Any, inputs: Any) -> list[_Phase]:
    depths = list(freeze_to) if isinstance(freeze_to, (list, tuple)) else [freeze_to, None]
    if not depths:
        raise InvalidInputError("`freeze_to` holds no phase; pass one depth at least, or None for nothing frozen.")
    lengths = [check_int("epochs", number, low=1) for number in _for_each("epochs", epochs, len(depths))]
    rates = [
        check_number("learning_rate", rate, low=0.0) for rate in _for_each("learning_rate", learning_rate, len(depths))
    ]
    outputs = outputs_of(base, inputs) if any(depth is not None for depth in depths) else []
    layers = []
    for depth in depths:
        found = {} if depth is None else layers_up_to(depth, base, outputs)
        if depth is not None:
            check_frozen(depth, found.values(), base)
        layers.append(list(found.values()))
    return [_Phase(*phase) for phase in zip(layers, lengths, rates, strict=True)]


def _for_each(argument: str, value: Any, n: int) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping)):
        raise InvalidTypeError(f"`{argument}` must be a number, or one for each phase; got {value!r}.")
    values = list(value) if np.ndim(value) else [value] * n
    if len(values) != n:
        raise InvalidInputError(
            f"`{argument}` must be one number, or have one entry for each of the {n} phases; got {len(values)}."
        )
    return values
