"""Texts as inputs: the one form in which Keras takes them, and copies of them for trial runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from auxtasks.typing import Array


def as_inputs(x: Any) -> Any:
    """Turn texts among inputs into arrays of objects; everything else is returned as it is.

    Keras takes texts as arrays of dtype object and as tensors. NumPy's own arrays of strings, lists of texts and
    columns of tables hold the same.

    Parameters
    ----------
    x : object
        Inputs in any form.

    Returns
    -------
    object
        In the same structure; the very same object where there is nothing to turn.

    Examples
    --------
    >>> as_inputs(["one text", "another"])
    array(['one text', 'another'], dtype=object)
    """
    if isinstance(x, Mapping):
        named = {name: as_inputs(value) for name, value in x.items()}
        return x if all(named[name] is x[name] for name in x) else named
    if isinstance(x, (list, tuple)):
        if x and all(isinstance(part, (str, bytes)) for part in x):
            return np.array([_text(part) for part in x], dtype=object)
        parts = [as_inputs(part) for part in x]
        if all(new is old for new, old in zip(parts, x, strict=True)):
            return x
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return _as_objects(x) if _holds_texts(x) else x


def as_tensors(x: Any) -> Any:
    """Turn texts among the inputs of one batch into tensors, the only form that Keras takes batches of.

    Parameters
    ----------
    x : object
        One batch of inputs.

    Returns
    -------
    object
        In the same structure; what holds no texts is left as it is.
    """
    x = as_inputs(x)
    leaves = keras.tree.flatten(x)
    if not any(map(_is_objects, leaves)):
        return x
    return keras.tree.map_structure(lambda part: keras.ops.convert_to_tensor(part) if _is_objects(part) else part, x)


def _is_objects(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype == object


def is_text(array: Any) -> bool:
    """Tell whether an array or tensor holds texts."""
    dtype = getattr(array, "dtype", None)  # of a symbolic input a name, of all others an object with a name
    return _holds_texts(array) or getattr(dtype, "name", dtype) in ("object", "string")


def changed_texts(inputs: Any, change: Callable[[str], str]) -> Any:
    """Return inputs with every text in them changed, as tensors.

    Parameters
    ----------
    inputs : tensor or structure of tensors
        Samples; tensors that hold no texts stay as they are.
    change : callable
        From a text to another.

    Returns
    -------
    tensor or structure of tensors
        In the same structure and shapes.
    """

    def changed(tensor: Any) -> Any:
        if not is_text(tensor):
            return tensor
        texts = np.array([change(text) for text in text_list(tensor)], dtype=object)
        return keras.ops.convert_to_tensor(texts.reshape(tensor.shape))

    return keras.tree.map_structure(changed, inputs)


def shortened(text: str) -> str:
    """Return the first three quarters of a text, by words where it has several."""
    words = text.split()
    if len(words) > 1:
        return " ".join(words[: max(1, len(words) * 3 // 4)])
    return text[: max(1, len(text) * 3 // 4)]


def text_list(array: Any) -> list[str]:
    """Return the texts of an array or tensor of any shape as a list."""
    flat = np.asarray(array).reshape(-1).tolist()
    return [_text(part) for part in flat]


def word_counts(array: Any) -> Array:
    """Count the words between spaces of each text, a measure of length where none is known."""
    return np.array([len(text.split()) for text in text_list(array)])


def _holds_texts(array: Any) -> bool:
    kind = getattr(getattr(array, "dtype", None), "kind", "")
    # "T" is NumPy's dtype of strings of any length; a column of a table says "O" whatever it holds.
    return kind in tuple("UST") or (kind == "O" and hasattr(array, "to_numpy"))


def _as_objects(array: Any) -> Array:
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    converted: Array = array.to_numpy(dtype=object) if hasattr(array, "to_numpy") else array.astype(object)
    return converted


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
