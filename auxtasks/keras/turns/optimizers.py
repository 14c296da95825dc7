"""An optimizer for each task: clones of the compiled one, each with a state of its own."""

from __future__ import annotations

from typing import Any

import keras

from auxtasks.errors import InvalidInputError

_EXCLUDED = ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern")
"""What `exclude_from_weight_decay` sets, which an optimizer's configuration lacks."""


def clone(optimizer: Any) -> Any:
    """Return a new optimizer with the same settings and no state.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        The compiled optimizer.

    Returns
    -------
    keras.optimizers.Optimizer
        Of the same type.

    Raises
    ------
    InvalidInputError
        If it replaces weights by their moving averages: there would be several averages of the trunk.

    Examples
    --------
    >>> clone(keras.optimizers.SGD(0.5, momentum=0.25)).momentum
    0.25
    """
    inner = _inner(optimizer)
    if getattr(inner, "use_ema", False):
        raise InvalidInputError(
            "`optimizer` has use_ema=True, which cannot go with a schedule other than 'joint': each task has an "
            "optimizer of its own, and each would hold another average of the shared weights. Leave use_ema out."
        )
    new = type(optimizer).from_config(optimizer.get_config())
    for name in _EXCLUDED:
        if hasattr(inner, name):
            setattr(_inner(new), name, getattr(inner, name))
    return new


def follow_learning_rate(optimizer: Any, main: Any) -> None:
    """Give an optimizer the learning rate that the main one has now.

    Callbacks change the main optimizer's alone. A learning-rate schedule is left to count each task's own steps.

    Parameters
    ----------
    optimizer, main : keras.optimizers.Optimizer
        A task's optimizer, and the compiled one.
    """
    if optimizer is not main and isinstance(optimizer.learning_rate, keras.Variable):
        optimizer.learning_rate.assign(keras.ops.convert_to_tensor(main.learning_rate))


def _inner(optimizer: Any) -> Any:
    """Look through loss scaling."""
    return getattr(optimizer, "inner_optimizer", optimizer)
