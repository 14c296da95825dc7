"""What a label is, which one is missing, and which samples have one: asked here by everything above.

A missing label is NaN among floats and -1 among signed integers; other dtypes cannot say "missing". The classes -1 and
1 of a hinge loss (`signed`) are labels where they stand among floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from auxtasks.columns import read_column
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, wrong_type
from auxtasks.specs import CLASS_KINDS, TargetSpec
from auxtasks.typing import Array

MAIN = "main"
"""The name of the one label of a model whose output has no name."""

# What users give


def read_labels(argument: str, y: object) -> Array:
    """Return labels as an array of numbers, with an axis of samples at least; `argument` names them in errors.

    Integers of which some are missing stay integers, with -1 there; where -1 is a class, as for hinge losses, all of
    them become floats, with NaN.
    """
    name = _quoted(argument)
    labels = read_column(name, y)
    values, missing = labels.values, labels.missing
    if labels.family == "string":
        raise InvalidTypeError(
            f"{name} must hold integers or floats; got strings, shape {values.shape}. Encode such labels first: "
            "classes, y = np.unique(y, return_inverse=True); use -1 where there is no label."
        )
    if not values.ndim:
        raise InvalidInputError(f"{name} must hold one entry for each sample; got the single number {values}.")
    if labels.family == "unknown" and values.size:
        raise InvalidInputError(
            f"{name} holds no label at all among its {len(values)} entries; give some, or an array of -1 for classes "
            "and of NaN for numbers."
        )
    if values.dtype.kind in "uO" and values.size and values.max() > np.iinfo(np.int64).max:
        # It would become another, negative number where labels are counted or trained on.
        raise InvalidInputError(
            f"{name} holds {values.max()}, too large for int64. Number classes: classes, y = np.unique(y, "
            "return_inverse=True)."
        )
    if labels.family != "integer" or not missing.any():
        return values
    if are_signed(values[~missing].astype(np.int64)):
        return np.where(missing, np.nan, values)
    return np.where(missing, -1, values.astype(np.int64))


def _quoted(argument: str) -> str:
    return argument if argument.startswith("`") else f"`{argument}`"


def main_labels(y: object, name: str, n_labelled: int, n: int) -> dict[str, Array]:
    """Bring main labels, of the first samples at least, to the length of the n targets.

    Of these the first `n_labelled` can have a label: the originals, not transformed copies. A mapping holds the labels
    of several outputs; others get `name`.
    """
    if not isinstance(name, str) or not name:
        raise wrong_type("name", "a name", name)
    named = y if isinstance(y, Mapping) else {name: y}
    return {key: _extended(values, key, n_labelled, n) for key, values in named.items()}


def _are_outputs(values: Any, n: int) -> bool:
    """Tell whether labels are a list with an array for each output, and not one with a row for each sample."""
    if not isinstance(values, (list, tuple)) or len(values) == n:
        return False
    return all(tuple(getattr(part, "shape", ()))[:1] == (n,) for part in values) and len(values) > 0


def _extended(values: Any, key: str, n_labelled: int, n: int) -> Array:
    if values is None:
        raise InvalidTypeError("`y` must hold the main labels; got None. For targets alone, use dict(targets).")
    if _are_outputs(values, n_labelled):
        raise InvalidTypeError(
            f"`y` ({abbreviated(key)}) must be one array; got {len(values)} arrays of {n_labelled} labels each. Pass "
            "those of several outputs by name, as in {'first': y1, 'second': y2}; for a model that returns a "
            "tuple, the names are '0', '1' and so on."
        )
    labels = read_labels(f"`y` ({abbreviated(key)})", values)
    if labels.dtype.kind == "b":
        labels = labels.astype(np.int32)
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise InvalidInputError(f"`y` ({key!r}) holds infinite values; use NaN where there is no label.")
    if not 1 <= len(labels) <= n_labelled:
        raise InvalidInputError(
            f"`y` ({key!r}) must have from 1 to {n_labelled} entries, one for each sample or for the first of them; "
            f"got shape {labels.shape}."
        )
    if len(labels) == n:
        return labels
    return np.concatenate([with_sign(labels), absent_labels(labels, n - len(labels))])


# Which are missing


def find_missing(labels: Any, *, signed: bool = False) -> Any:
    """Tell which entries of an array or tensor are missing; None for a dtype that cannot say so.

    With `signed` -1 among integers is a class.
    """
    kind = _kind(labels)
    if kind == "f":
        return labels != labels  # NaN, in NumPy and in tensors alike
    return labels == -1 if kind == "i" and not signed else None


def _kind(labels: Any) -> str:
    """Return the kind of dtype of an array or tensor as NumPy names it, bfloat16 included."""
    dtype = labels.dtype
    if isinstance(dtype, np.dtype):
        return "f" if "float" in dtype.name else dtype.kind
    name = getattr(dtype, "name", str(dtype).removeprefix("torch."))
    return "f" if "float" in name else np.dtype(getattr(dtype, "as_numpy_dtype", name)).kind


def missing_entries(labels: Array, *, signed: bool = False) -> Array:
    """Tell which entries of an array are missing; none for a dtype that cannot say so."""
    missing: Array | None = find_missing(labels, signed=signed)
    return np.zeros(labels.shape, np.bool_) if missing is None else missing


def present_rows(labels: Any, *, signed: bool = False) -> Any:
    """Tell which rows of an array or tensor, the labels of one output or a target, have an entry."""
    if isinstance(labels, np.ndarray):
        return ~missing_entries(labels, signed=signed).all(axis=tuple(range(1, labels.ndim)))
    from keras import ops

    missing = find_missing(labels, signed=signed)
    if missing is None:
        return ops.ones(ops.shape(labels)[:1], "bool")
    return ops.logical_not(ops.all(missing, axis=tuple(range(1, len(missing.shape)))))


def labelled_rows(y: Any) -> Any:
    """Tell which samples have an entry of one output at least; None if no dtype in the structure can say "missing"."""
    from keras import tree

    parts = tree.flatten(y)
    if all(find_missing(labels) is None for labels in parts):
        return None
    return reduce(lambda some, others: some | others, map(present_rows, parts))


def any_missing(y: Any) -> bool:
    from keras import tree

    return any(bool(missing_entries(labels).any()) for labels in tree.flatten(y))


class Labels(NamedTuple):
    """The labels of one output made safe for arithmetic, and 1.0 where they are present, 0.0 where not."""

    safe: Any
    present: Any


def split_missing(y: Any, y_pred: Any) -> Labels:
    """Replace the missing labels of one output, and tell which samples, or steps, have one."""
    from keras import ops

    missing = find_missing(y)
    if missing is None:
        return Labels(y, ops.ones(ops.shape(y)[:1], "float32"))
    has_feature_axis = len(y.shape) > 1 and len(y.shape) == len(y_pred.shape)
    row_missing = ops.any(missing, axis=-1) if has_feature_axis else missing
    return Labels(ops.where(missing, ops.zeros_like(y), y), ops.cast(ops.logical_not(row_missing), "float32"))


# Labels taken away


def with_sign(labels: Array) -> Array:
    """Give labels a dtype that can say "missing"; signed integers and floats are returned as they are."""
    if labels.dtype.kind in "if":
        return labels
    wide = np.int32 if labels.dtype.itemsize <= 2 else np.int64
    if labels.size and int(labels.max()) > np.iinfo(wide).max:
        raise InvalidInputError(f"`y` holds {labels.max()}, too large for {np.dtype(wide).name}; number classes.")
    return labels.astype(wide)


def absent_labels(labels: Array, n: int) -> Array:
    """Return n missing labels with the dtype, signed, and the shape of a row of some labels."""
    like = with_sign(labels[:0])
    return np.full((n, *like.shape[1:]), np.nan if like.dtype.kind == "f" else -1, like.dtype)


def absent_targets(spec: TargetSpec, n: int) -> Array:
    """Return n missing targets: -1 of int64 for classes, -1.0 for several labels, NaN of float32 for all others."""
    if spec.kind in CLASS_KINDS:
        return np.full((n, *spec.shape), -1, "int64")
    return np.full((n, *spec.shape), -1.0 if spec.kind == "multilabel" else np.nan, "float32")


def without_labels(labels: Array, rows: Array) -> Array:
    """Return a copy of labels of which some rows, by number or flag, are missing."""
    found = with_sign(labels).copy()
    found[rows] = -1 if found.dtype.kind == "i" else np.nan
    return found


# Yes and no, and the classes of hinge losses


def are_signed(labels: Array, *, hinge: bool = False) -> bool:
    """Tell whether labels are -1 and 1, the classes of a hinge loss; `hinge` says that they belong to one.

    In integers without a hinge loss, -1 beside nothing but 1 counts as a class, because labels of a single class can
    train nothing.
    """
    if labels.dtype.kind not in "if":
        return False
    found = np.unique(labels[~missing_entries(labels, signed=True)]).tolist()
    return found == [-1, 1] or (found == [-1] and (hinge or labels.dtype.kind == "f"))


_ENCODE = (
    "Among integers -1 stands for a missing label: encode two classes as 0 and 1, or as the floats -1.0 and 1.0 of a "
    "hinge loss."
)


def check_two_classes(argument: str, labels: Array, present: Array) -> None:
    """Refuse classes, one a sample, of which a single one is left without the missing ones."""
    classes = np.unique(labels[present])
    if len(classes) == 1 and labels.shape[1:] in ((), (1,)):
        beside = "" if present.all() else f", and {(~present).sum()} missing labels"
        raise InvalidInputError(
            f"{_quoted(argument)} holds one class only, {classes[0]}{beside}; at least two are needed. {_ENCODE}"
        )


def check_not_signed(argument: str, labels: Array) -> None:
    """Refuse integers of nothing but -1 and 1, one a sample: what looks like two classes would be one."""
    if labels.dtype.kind == "i" and labels.shape[1:] in ((), (1,)) and are_signed(labels):
        raise InvalidInputError(
            f"{_quoted(argument)} holds only -1 and 1, which would be read as missing labels and a single class. "
            f"{_ENCODE} If class 1 is the only known class, number it 0."
        )


def are_flags(labels: Array, *, signed: bool = False) -> bool:
    """Tell whether all labels that are present are yes or no, 0 and 1 or -1 and 1; also where none is present."""
    present = labels[~missing_entries(labels, signed=signed)]
    return bool(np.isin(present, (-1, 1) if signed else (0, 1)).all())


def any_floats(labels: Any) -> bool:
    """Tell whether any output of a structure of arrays or tensors has labels in floats, which can say "missing"."""
    from keras import tree

    return any(_kind(part) == "f" for part in tree.flatten(labels))


def with_negative(labels: Any) -> Any:
    """Keep the -1 of integers a label: beside labels in floats they become floats too."""
    from keras import tree

    return labels if labels is None or not any_floats(labels) else tree.map_structure(_as_floats, labels)


def _as_floats(labels: Any) -> Any:
    from keras import ops

    if _kind(labels) == "f":
        return labels
    return labels.astype("float32") if isinstance(labels, np.ndarray) else ops.cast(labels, "float32")


def class_weights(y: Any, weights: Mapping[int, float]) -> Any:
    """Return the weight of each sample's class, given by number or one-hot; others, and missing ones, weigh 1.

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
