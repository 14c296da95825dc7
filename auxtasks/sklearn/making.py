"""Optimizers, losses and callbacks from names, classes or instances, new ones for each fit."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from auxtasks.errors import InvalidTypeError


def make_optimizer(optimizer: Any, options: Mapping[str, Any]) -> Any:
    """Make an optimizer that no model has used.

    Parameters
    ----------
    optimizer : str, type or keras.optimizers.Optimizer
        A name, a class or an instance, which is copied.
    options : mapping of str to object
        What differs from its configuration (``optimizer__learning_rate``).

    Returns
    -------
    keras.optimizers.Optimizer
        Not built.
    """
    import keras

    if isinstance(optimizer, type):
        return optimizer(**options)
    if isinstance(optimizer, str):
        return keras.optimizers.get({"class_name": optimizer, "config": dict(options)})
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return type(optimizer).from_config({**optimizer.get_config(), **options})
    raise InvalidTypeError(f"`optimizer` must be a name, a class or an optimizer; got {type(optimizer).__name__}.")


def make_loss(loss: Any, options: Mapping[str, Any]) -> Any:
    """Make a loss.

    Parameters
    ----------
    loss : str, type, keras.losses.Loss, function, or list or mapping of these
        As Keras takes it.
    options : mapping of str to object
        Arguments of a loss that is given by name or as a class (``loss__from_logits``).

    Returns
    -------
    object
        As Keras takes it.

    Raises
    ------
    InvalidTypeError
        If there are options and the loss is neither.
    """
    import keras

    if isinstance(loss, str) and options:
        name = "".join(part[:1].upper() + part[1:] for part in loss.split("_"))
        loss = getattr(keras.losses, name, loss)
    if isinstance(loss, type):
        return loss(**options)
    if options:
        raise InvalidTypeError(
            f"`loss__{next(iter(options))}` needs a loss that is given as a class or by the name of one; got {loss!r}."
        )
    return loss


def make_callbacks(callbacks: Any, options: Mapping[str, Any]) -> list[Any]:
    """Make callbacks that no training has used.

    Parameters
    ----------
    callbacks : Callback, type, list or mapping of these, or None
        Classes are called; instances are copied, so that those passed in stay as they are.
    options : mapping of str to object
        Arguments of the classes: of all (``callbacks__patience``), or of one by its place in a list or its name in a
        mapping (``callbacks__0__patience``).

    Returns
    -------
    list of keras.callbacks.Callback
        In their order.

    Raises
    ------
    InvalidTypeError
        If there are arguments of a callback that is not given as a class: they would change nothing.
    """
    if callbacks is None or not isinstance(callbacks, (list, tuple, Mapping)):
        callbacks = [] if callbacks is None else [callbacks]
    named = dict(callbacks.items() if isinstance(callbacks, Mapping) else enumerate(callbacks))
    classes = [str(name) for name, callback in named.items() if isinstance(callback, type)]
    for key in options:
        owner, separator, _ = key.partition("__")
        if not classes or (separator and owner not in classes):
            raise InvalidTypeError(
                f"`callbacks__{key}` needs a callback that is given as a class; those that are have the places or "
                f"names: {', '.join(classes) or 'none'}. Pass the class, such as EarlyStopping, and not an instance."
            )
    made = []
    for name, callback in named.items():
        start = f"{name}__"
        own = {key[len(start) :]: value for key, value in options.items() if key.startswith(start)}
        shared = {key: value for key, value in options.items() if "__" not in key}
        made.append(callback(**{**shared, **own}) if isinstance(callback, type) else copy.deepcopy(callback))
    return made
