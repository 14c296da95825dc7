"""Labels that plain Keras cannot train on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.keras.fitting import NUMERIC, loss_name
from auxtasks.keras.forms import as_arrays
from auxtasks.keras.labels import find_missing
from auxtasks.typing import Array


def check_labels(y: Any, base: keras.Model, loss: Any) -> None:
    """Refuse labels of auxiliary targets, none at all, and missing ones, which plain Keras would train on.

    Parameters
    ----------
    y : array, structure of arrays or None
        The labels; None where they are in a data set.
    base : keras.Model
        The model.
    loss : object
        Its loss: -1 is a number to a loss between numbers, and a class to hinge losses.

    Raises
    ------
    InvalidInputError, InvalidTypeError
        If so.
    """
    if isinstance(y, Mapping) and len(getattr(base, "outputs", None) or []) == 1:
        raise InvalidTypeError(
            f"`y` must be the labels of the one output, without auxiliary targets; got a mapping of {list(y)}."
        )
    names = [loss_name(part).lower() for part in keras.tree.flatten(loss) if part is not None]
    signed = all(NUMERIC.search(name) or "hinge" in name for name in names)
    for labels in keras.tree.flatten(as_arrays(y)) if y is not None else ():
        found = np.asarray(labels)
        if found.ndim and not len(found):
            raise InvalidInputError(f"`y` holds no label; found shape {found.shape}.")
        missing = None if found.dtype.kind == "i" and signed else find_missing(found)
        if missing is not None and missing.any():
            raise InvalidInputError(
                f"`y`: {int(missing.sum())} of {missing.size} labels are missing (-1 or NaN), and plain `fit` would "
                f"train on them. Fine-tune on the labelled samples alone: keep = {_kept(found)}; x[keep], y[keep]."
            )


def _kept(labels: Array) -> str:
    """Write how to tell which samples have their label."""
    present = "~np.isnan(y)" if labels.dtype.kind == "f" else "y != -1"
    if labels.ndim == 1:
        return present
    return f"({present}).all(axis={1 if labels.ndim == 2 else tuple(range(1, labels.ndim))})"
