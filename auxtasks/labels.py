"""The user's own labels, beside the targets and of the same length."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any, Literal, NamedTuple

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.specs import CLASS_KINDS, TargetSpec
from auxtasks.typing import Array


def main_labels(y: object, name: str, n_labelled: int, n: int) -> dict[str, Array]:
    """Bring main labels to the length of the targets."""
    if not isinstance(name, str) or not name:
        raise InvalidTypeError(f"`name` must be a name; got {name!r} of type {type(name).__name__}.")
    named = y if isinstance(y, Mapping) else {name: y}
    return {key: _extended(_read(values, key), key, n_labelled, n) for key, values in named.items()}


def _read(values: object, key: str) -> Array:
    if values is None:
        raise InvalidTypeError("`y` must hold the main labels; got None. For targets alone, use dict(targets).")
    if hasattr(values, "to_numpy"):
        dtype = getattr(values, "dtype", None)
        # pandas' nullable integers would become floats where one is missing, and classes a regression.
        nullable = not isinstance(dtype, np.dtype) and getattr(dtype, "kind", "") in ("i", "u", "b")
        values = values.to_numpy(dtype=np.int64, na_value=-1) if nullable else values.to_numpy()
    try:
        labels = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidTypeError(f"`y` ({key!r}) cannot be read as an array of labels: {error}") from error
    if labels.dtype.kind == "b":
        return labels.astype(np.int32)
    if labels.dtype.kind not in "iuf":
        raise InvalidTypeError(
            f"`y` ({key!r}) must hold integers or floats; got dtype {labels.dtype}, shape {labels.shape}. Encode such "
            "labels first: classes, y = np.unique(y, return_inverse=True); use -1 where there is no label."
        )
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise InvalidInputError(f"`y` ({key!r}) holds infinite values; use NaN where there is no label.")
    return labels


def _extended(labels: Array, key: str, n_labelled: int, n: int) -> Array:
    if labels.ndim == 0 or not len(labels) or len(labels) > n_labelled:
        found = "a single number" if labels.ndim == 0 else f"shape {labels.shape}"
        raise InvalidInputError(
            f"`y` ({key!r}) must have from 1 to {n_labelled} entries, one for each sample or for the first of them; "
            f"got {found}."
        )
    if len(labels) == n:
        return labels
    dtype = labels.dtype
    if dtype.kind == "u":
        # -1 stands for missing, and needs a sign.
        dtype = np.dtype(np.int32 if dtype.itemsize <= 2 else np.int64)
    extended = np.full((n, *labels.shape[1:]), -1 if dtype.kind == "i" else np.nan, dtype)
    extended[: len(labels)] = labels
    return extended


def read_labels(argument: str, y: object) -> Array:
    """Return labels as an array of numbers."""
    try:
        labels = np.asarray(y)
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"`{argument}` cannot be read as an array of labels: {error}") from error
    if labels.dtype.kind not in "biuf":
        raise InvalidTypeError(
            f"`{argument}` must hold integers or floats; got dtype {labels.dtype}, shape {labels.shape}. Encode such "
            "labels first: classes, y = np.unique(y, return_inverse=True)."
        )
    if not labels.ndim:
        raise InvalidInputError(f"`{argument}` must hold one entry for each sample; got the single number {labels}.")
    return labels


def missing_entries(labels: Array, *, signed: bool = False) -> Array:
    """Tell which entries of labels are missing."""
    if labels.dtype.kind == "f":
        return np.isnan(labels)
    return labels == -1 if labels.dtype.kind == "i" and not signed else np.zeros(labels.shape, np.bool_)


def are_signed(labels: Array, *, hinge: bool = False) -> bool:
    """Tell whether labels are -1 and 1, the classes of a hinge loss."""
    if labels.dtype.kind not in "if":
        return False
    found = np.unique(labels[~missing_entries(labels, signed=True)]).tolist()
    return found == [-1, 1] or (found == [-1] and (hinge or labels.dtype.kind == "f"))


def are_flags(labels: Array, *, signed: bool = False) -> bool:
    """Tell whether all labels that are present are yes or no: 0 and 1, or -1 and 1."""
    present = labels[~missing_entries(labels, signed=signed)]
    return bool(np.isin(present, (-1, 1) if signed else (0, 1)).all())


def without_labels(labels: Array, rows: Array) -> Array:
    """Return labels of which some rows are missing."""
    if labels.dtype.kind in "bu":
        wide = np.int32 if labels.dtype.itemsize <= 2 else np.int64
        if labels.size and int(labels.max()) > np.iinfo(wide).max:
            raise InvalidInputError(f"`y` holds {labels.max()}, too large for {np.dtype(wide).name}; number classes.")
        found = labels.astype(wide)
    else:
        found = labels.copy()
    found[rows] = -1 if found.dtype.kind == "i" else np.nan
    return found


def as_labels(name: str, y: Any) -> Array:
    """Return labels as an array; see `auxtasks.labels.read_labels`."""
    dtype = getattr(y, "dtype", None)
    if hasattr(y, "to_numpy") and not isinstance(dtype, np.dtype) and getattr(dtype, "kind", "") in ("i", "u", "b"):
        # pandas' nullable integers would become floats where one is missing, and classes a regression.
        y = y.to_numpy(dtype=np.int64, na_value=-1)
    labels = read_labels(name, y)
    if not len(labels):
        raise InvalidInputError(f"`{name}` holds no label; found shape {labels.shape}.")
    return labels


def entries_present(labels: Array, *, signed: bool = False) -> Array:
    """Tell which rows have a label, or some."""
    return np.asarray(~missing_entries(labels, signed=signed).reshape(len(labels), -1).all(axis=1))


def absent_targets(spec: TargetSpec, n: int) -> Array:
    """Return n missing targets."""
    if spec.kind in CLASS_KINDS:
        return np.full((n, *spec.shape), -1, "int64")
    return np.full((n, *spec.shape), -1.0 if spec.kind == "multilabel" else np.nan, "float32")


def absent_labels(labels: Array, n: int) -> Array:
    """Return n missing labels of one output that look like some labels."""
    like = with_sign(labels[:0])
    return np.full((n, *like.shape[1:]), np.nan if like.dtype.kind == "f" else -1, like.dtype)


def with_sign(labels: Array) -> Array:
    """Give labels a dtype that can say "missing"; signed integers and floats are returned as they are."""
    return labels if labels.dtype.kind in "if" else labels.astype("int64")


Family = Literal["integer", "float", "string", "unknown"]
"""What labels are; booleans count as integers, and what is missing or no label is unknown."""
MISSING_NAMES = frozenset({"NAType", "NaTType"})
"""The types of pandas' own missing values, known by name so that pandas need not be loaded."""


def is_missing(value: object) -> bool:
    """Tell whether an entry stands for a missing label."""
    if value is None or type(value).__name__ in MISSING_NAMES:
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def family_of(value: object) -> Family:
    """Tell what type of label an entry is."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return "integer"
    return "float" if isinstance(value, (float, np.floating)) else "unknown"


class Labels(NamedTuple):
    """The labels of one output made safe for arithmetic, and 1.0 where they are present, 0.0 where not."""

    safe: Any
    present: Any


def find_missing(y: Any) -> Any:
    """Tell which entries of labels are missing."""
    import tensorflow as tf

    dtype = tf.as_dtype(y.dtype)
    if dtype.is_integer and not dtype.is_unsigned:
        return y == -1
    if dtype.is_floating:
        return y != y  # NaN, in NumPy and in tensors alike
    return None


def labelled_rows(y: Any) -> Any:
    """Tell which samples have a main label."""
    from keras import tree

    parts = tree.flatten(y)
    if all(find_missing(labels) is None for labels in parts):
        return None
    return reduce(lambda some, others: some | others, map(present_rows, parts))


def present_rows(labels: Any) -> Any:
    """Tell which rows of one output have an entry."""
    import tensorflow as tf

    missing = find_missing(labels)
    if missing is None:
        return np.ones(len(labels), bool) if isinstance(labels, np.ndarray) else tf.ones(tf.shape(labels)[:1], tf.bool)
    if isinstance(missing, np.ndarray):
        return ~missing.reshape(len(missing), -1).all(axis=1)
    return ~tf.reduce_all(missing, axis=tuple(range(1, len(missing.shape))))


def any_missing(y: Any) -> bool:
    """Tell whether any entry of any output is missing."""
    from keras import tree

    found = [find_missing(labels) for labels in tree.flatten(y)]
    return any(missing is not None and bool(np.any(missing)) for missing in found)


def split_missing(y: Any, y_pred: Any) -> Labels:
    """Replace the missing labels of one output, and tell which were present."""
    from keras import ops

    missing = find_missing(y)
    if missing is None:
        return Labels(y, ops.ones(ops.shape(y)[:1], "float32"))
    has_feature_axis = len(y.shape) > 1 and len(y.shape) == len(y_pred.shape)
    row_missing = ops.any(missing, axis=-1) if has_feature_axis else missing
    return Labels(ops.where(missing, ops.zeros_like(y), y), ops.cast(ops.logical_not(row_missing), "float32"))


def class_weights(y: Any, weights: Mapping[int, float]) -> Any:
    """Return the weight of each sample's class; samples of other classes, or of none, weigh 1.

    Keras looks the classes up in a table, which fails for missing labels.
    """
    from keras import ops

    # The modules have the same functions; tensors are met inside tf.data, which NumPy cannot read.
    xp: Any = np if isinstance(y, np.ndarray) else ops
    classes = xp.argmax(y, axis=-1) if len(y.shape) > 1 and y.shape[-1] != 1 else xp.reshape(y, (-1,))
    classes = xp.round(classes)
    found = xp.ones_like(classes, dtype="float32")
    for number, weight in weights.items():
        found = xp.where(classes == number, np.float32(weight), found)
    return found


def any_floats(labels: Any) -> bool:
    """Tell whether any output has labels in floats, which can say "missing"."""
    import tensorflow as tf
    from keras import tree

    return any(tf.as_dtype(part.dtype).is_floating for part in tree.flatten(labels))


def with_negative(labels: Any) -> Any:
    """Keep the -1 of integers a label: beside labels in floats they become floats too."""
    from keras import tree

    if labels is None or not any_floats(labels):
        return labels
    return tree.map_structure(_as_floats, labels)


def _as_floats(labels: Any) -> Any:
    import tensorflow as tf

    if tf.as_dtype(labels.dtype).is_floating:
        return labels
    return labels.astype("float32") if isinstance(labels, np.ndarray) else tf.cast(labels, tf.float32)
