"""Labels that plain Keras cannot train on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError


def check_labels(y: Any, base: keras.Model, loss: Any) -> None:
    """Refuse labels of auxiliary targets, none at all, and missing ones, which plain Keras would turn into NaN.

    Parameters
    ----------
    y : array, structure of arrays or None
        The labels; None where they are in a data set.
    base : keras.Model
        The model.
    loss : object
        Its loss: -1 is no class where it is a sparse one.

    Raises
    ------
    InvalidInputError, InvalidTypeError
        If so.
    """
    if isinstance(y, Mapping) and len(getattr(base, "outputs", None) or []) == 1:
        raise InvalidTypeError(
            f"`y` must be the labels of the one output, without auxiliary targets; got a mapping of {list(y)}."
        )
    sparse = any("sparse" in _name(part) for part in keras.tree.flatten(loss))
    for labels in keras.tree.flatten(y) if y is not None else ():
        found = np.asarray(labels)
        if found.ndim and not len(found):
            raise InvalidInputError(f"`y` holds no label; found shape {found.shape}.")
        missing = np.isnan(found) if found.dtype.kind == "f" else (found == -1) & (found.dtype.kind == "i" and sparse)
        if missing.any():
            raise InvalidInputError(
                f"`y`: {int(missing.sum())} of {missing.size} labels are missing (-1 or NaN); fine-tuning takes "
                "labelled samples alone, such as x[y >= 0] and y[y >= 0]."
            )


def _name(loss: Any) -> str:
    return (loss if isinstance(loss, str) else f"{type(loss).__name__} {getattr(loss, '__name__', '')}").lower()
