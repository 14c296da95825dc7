"""How each phase is compiled: as the model was, with an optimizer of its own."""

from __future__ import annotations

from typing import Any

import keras

from auxtasks.errors import InvalidInputError, InvalidTypeError

_KEPT = ("loss", "loss_weights", "metrics", "weighted_metrics", "auto_scale_loss")
_HOW = ("run_eagerly", "jit_compile", "steps_per_execution")


def compile_arguments(model: keras.Model, loss: Any, metrics: Any) -> dict[str, Any]:
    """Return the arguments of ``compile`` beside the optimizer.

    Parameters
    ----------
    model : keras.Model
        The model, compiled unless `loss` is given.
    loss, metrics
        What the user gave.

    Returns
    -------
    dict
        With ``"loss"`` at least.

    Raises
    ------
    InvalidInputError
        If there is no loss.
    """
    if loss is not None:
        return {"loss": loss, "metrics": metrics}
    known = dict(getattr(getattr(model, "_compile_config", None), "config", {}))
    if known.get("loss") is None:
        raise InvalidInputError("`loss`: the model is not compiled; pass the loss to train with.")
    kept = {name: known[name] for name in _KEPT if known.get(name) is not None}
    if metrics is not None:
        kept["metrics"] = metrics
    return {**kept, **{name: getattr(model, name) for name in _HOW}}


def optimizer_like(optimizer: Any, learning_rate: float) -> keras.optimizers.Optimizer:
    """Return a new optimizer with the settings of another one: a built one cannot be used again.

    Parameters
    ----------
    optimizer : str or keras.optimizers.Optimizer
        The other one.
    learning_rate : float
        Its learning rate.

    Returns
    -------
    keras.optimizers.Optimizer
        Not built.

    Raises
    ------
    InvalidTypeError
        If it is neither.

    Examples
    --------
    >>> made = optimizer_like(keras.optimizers.SGD(1.0, momentum=0.5), 0.25)
    >>> made.momentum, float(made.learning_rate)
    (0.5, 0.25)
    """
    if not isinstance(optimizer, (str, keras.optimizers.Optimizer)):
        raise InvalidTypeError(
            f"`optimizer` must be a name or a keras.optimizers.Optimizer; got {optimizer!r} of type "
            f"{type(optimizer).__name__}."
        )
    like = keras.optimizers.get(optimizer)
    return type(like).from_config({**like.get_config(), "learning_rate": learning_rate})
