"""The user's own labels, beside the targets and of the same length."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any, Literal, NamedTuple

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.specs import TargetSpec
from auxtasks.typing import Array


def main_labels(y: object, name: str, n_labelled: int, n: int) -> dict[str, Array]:
    """Bring main labels to the length of the targets.

    Parameters
    ----------
    y : array-like or mapping of str to array-like
        Labels of the first samples, for all of them or for fewer; a mapping for several main outputs.
    name : str
        The key for labels that are not a mapping.
    n_labelled : int
        How many samples can have a label: the originals, not transformed copies.
    n : int
        How many samples there are.

    Returns
    -------
    dict of str to ndarray
        Each of length n; -1 (integers) or NaN (floats) where there is no label.

    Raises
    ------
    InvalidTypeError
        If labels are not numbers.
    InvalidInputError
        If there are none, or more than samples.

    Examples
    --------
    >>> main_labels([1, 0], "main", 3, 4)
    {'main': array([ 1,  0, -1, -1])}
    """
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
    """Return labels as an array of numbers.

    Parameters
    ----------
    argument : str
        Their name, for errors.
    y : array-like
        The labels.

    Returns
    -------
    ndarray
        Of a boolean, integer or floating dtype, with an axis of samples at least.

    Raises
    ------
    InvalidTypeError
        If they are not numbers.
    InvalidInputError
        If they are a single number.

    Examples
    --------
    >>> read_labels("y", [0, 1])
    array([0, 1])
    """
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
    """Tell which entries of labels are missing.

    Parameters
    ----------
    labels : ndarray
        The labels.
    signed : bool, default False
        Whether -1 is a class, as for hinge losses.

    Returns
    -------
    ndarray of bool
        True for NaN in floats and, unless signed, for -1 in integers.

    Examples
    --------
    >>> missing_entries(np.array([-1, 0, 1])).tolist(), missing_entries(np.array([-1.0, np.nan])).tolist()
    ([True, False, False], [False, True])
    """
    if labels.dtype.kind == "f":
        return np.isnan(labels)
    return labels == -1 if labels.dtype.kind == "i" and not signed else np.zeros(labels.shape, np.bool_)


def are_signed(labels: Array, *, hinge: bool = False) -> bool:
    """Tell whether labels are -1 and 1, the classes of a hinge loss.

    Parameters
    ----------
    labels : ndarray
        The labels.
    hinge : bool, default False
        Whether they are known to belong to a hinge loss.

    Returns
    -------
    bool
        In integers without a hinge loss, -1 beside nothing but 1 counts as a class, because labels of a single class
        can train nothing.

    Examples
    --------
    >>> are_signed(np.array([-1, 1])), are_signed(np.array([-1, 0, 1])), are_signed(np.array([0, 1]))
    (True, False, False)
    """
    if labels.dtype.kind not in "if":
        return False
    found = np.unique(labels[~missing_entries(labels, signed=True)]).tolist()
    return found == [-1, 1] or (found == [-1] and (hinge or labels.dtype.kind == "f"))


def are_flags(labels: Array, *, signed: bool = False) -> bool:
    """Tell whether all labels that are present are yes or no: 0 and 1, or -1 and 1.

    Parameters
    ----------
    labels : ndarray
        The labels.
    signed : bool, default False
        Whether -1 is a class.

    Returns
    -------
    bool
        True also where none is present.

    Examples
    --------
    >>> are_flags(np.array([0.0, np.nan, 1.0])), are_flags(np.array([0, 2]))
    (True, False)
    """
    present = labels[~missing_entries(labels, signed=signed)]
    return bool(np.isin(present, (-1, 1) if signed else (0, 1)).all())


def without_labels(labels: Array, rows: Array) -> Array:
    """Return labels of which some rows are missing.

    Parameters
    ----------
    labels : ndarray, shape (n, ...)
        The labels.
    rows : ndarray of int or bool
        Which rows to take away.

    Returns
    -------
    ndarray
        A copy, with a sign.

    Raises
    ------
    InvalidInputError
        If the numbers are too large for a signed type.

    Examples
    --------
    >>> without_labels(np.array([3, 4], dtype=np.uint8), np.array([1]))
    array([ 3, -1], dtype=int32)
    """
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
    """Tell which rows have a label, or some.

    Parameters
    ----------
    labels : ndarray, shape (n, ...)
        The labels.
    signed : bool, default False
        Whether -1 is a class.

    Returns
    -------
    ndarray of bool, shape (n,)
        False where all entries of a row are missing.
    """
    return np.asarray(~missing_entries(labels, signed=signed).reshape(len(labels), -1).all(axis=1))


def absent_targets(spec: TargetSpec, n: int) -> Array:
    """Return n missing targets.

    Parameters
    ----------
    spec : TargetSpec
        The target.
    n : int
        The number of samples.

    Returns
    -------
    ndarray, shape (n, ...)
        -1 of int64 for classes, -1.0 for multilabel targets, NaN of float32 for all others.

    Examples
    --------
    >>> absent_targets(TargetSpec("kind", "given", "class", (), n_classes=3), 2)
    array([-1, -1])
    """
    if spec.kind in ("class", "step_class"):
        return np.full((n, *spec.shape), -1, "int64")
    return np.full((n, *spec.shape), -1.0 if spec.kind == "multilabel" else np.nan, "float32")


def absent_labels(labels: Array, n: int) -> Array:
    """Return n missing labels of one output that look like some labels.

    Parameters
    ----------
    labels : ndarray
        Labels of the output, of which the dtype and the shape of a row are taken.
    n : int
        The number of samples.

    Returns
    -------
    ndarray, shape (n, ...)
        NaN for floats, -1 for others.

    Examples
    --------
    >>> absent_labels(np.array([3, 4], "uint8"), 1)
    array([-1])
    """
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
    """Tell whether an entry stands for a missing label.

    Parameters
    ----------
    value : object
        An entry of an object array.

    Returns
    -------
    bool
        True for None, NaN and pandas' NA and NaT.

    Examples
    --------
    >>> is_missing(None), is_missing(float("nan")), is_missing("")
    (True, True, False)
    """
    if value is None or type(value).__name__ in MISSING_NAMES:
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def family_of(value: object) -> Family:
    """Tell what type of label an entry is.

    Parameters
    ----------
    value : object
        An entry of an object array.

    Returns
    -------
    {"integer", "float", "string", "unknown"}
        Its family.

    Examples
    --------
    >>> family_of(True), family_of(2.0), family_of("2"), family_of(b"2")
    ('integer', 'float', 'string', 'unknown')
    """
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
    """Tell which entries of labels are missing.

    Parameters
    ----------
    y : ndarray or tensor
        The labels of one output.

    Returns
    -------
    ndarray or tensor of bool, or None
        None for a dtype that cannot say "missing": unsigned integers, booleans, strings.
    """
    import tensorflow as tf

    dtype = tf.as_dtype(y.dtype)
    if dtype.is_integer and not dtype.is_unsigned:
        return y == -1
    if dtype.is_floating:
        return y != y  # NaN, in NumPy and in tensors alike
    return None


def labelled_rows(y: Any) -> Any:
    """Tell which samples have a main label.

    Parameters
    ----------
    y : ndarray, tensor or structure of these
        The labels of one output or of several.

    Returns
    -------
    ndarray or tensor of bool, shape (n,), or None
        True where at least one entry of one output is present; None if no dtype of `y` can say "missing".
    """
    from keras import tree

    parts = tree.flatten(y)
    if all(find_missing(labels) is None for labels in parts):
        return None
    return reduce(lambda some, others: some | others, map(present_rows, parts))


def present_rows(labels: Any) -> Any:
    """Tell which rows of one output have an entry.

    Parameters
    ----------
    labels : ndarray or tensor
        The labels of one output, or a target.

    Returns
    -------
    ndarray or tensor of bool, shape (n,)
        All True where the dtype cannot say "missing".

    Examples
    --------
    >>> present_rows(np.array([[1.0, np.nan], [np.nan, np.nan]])).tolist(), present_rows(np.array([-1, 2])).tolist()
    ([True, False], [False, True])
    """
    import tensorflow as tf

    missing = find_missing(labels)
    if missing is None:
        return np.ones(len(labels), bool) if isinstance(labels, np.ndarray) else tf.ones(tf.shape(labels)[:1], tf.bool)
    if isinstance(missing, np.ndarray):
        return ~missing.reshape(len(missing), -1).all(axis=1)
    return ~tf.reduce_all(missing, axis=tuple(range(1, len(missing.shape))))


def any_missing(y: Any) -> bool:
    """Tell whether any entry of any output is missing.

    Parameters
    ----------
    y : ndarray or structure of ndarrays
        The labels of one output or of several.

    Returns
    -------
    bool
        False also where no dtype of `y` can say "missing".
    """
    from keras import tree

    found = [find_missing(labels) for labels in tree.flatten(y)]
    return any(missing is not None and bool(np.any(missing)) for missing in found)


def split_missing(y: Any, y_pred: Any) -> Labels:
    """Replace the missing labels of one output, and tell which were present.

    Parameters
    ----------
    y : tensor
        The labels.
    y_pred : tensor
        The output they belong to.

    Returns
    -------
    Labels
        ``present`` has one entry per sample, or per step for labels per step.
    """
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

    Parameters
    ----------
    y : ndarray or tensor
        Class numbers, or one-hot rows.
    weights : mapping of int to float
        The weight of each class.

    Returns
    -------
    ndarray or tensor of float32, shape (n,)
        The weights.
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
    """Tell whether any output has labels in floats, which can say "missing".

    Parameters
    ----------
    labels : ndarray, tensor or structure of these
        The labels of one output or of several.

    Returns
    -------
    bool
        Whether there is one.

    Examples
    --------
    >>> any_floats({"a": np.array([1.0]), "b": np.array([1])}), any_floats(np.array([1, -1]))
    (True, False)
    """
    import tensorflow as tf
    from keras import tree

    return any(tf.as_dtype(part.dtype).is_floating for part in tree.flatten(labels))


def with_negative(labels: Any) -> Any:
    """Keep the -1 of integers a label: beside labels in floats they become floats too.

    Parameters
    ----------
    labels : ndarray, tensor or structure of these, or None
        The labels of one output or of several.

    Returns
    -------
    ndarray, tensor or structure of these, or None
        Unchanged where all are integers, among which no label is sought that is missing.

    Examples
    --------
    >>> with_negative({"a": np.array([1.0]), "b": np.array([-1])})["b"]
    array([-1.], dtype=float32)
    """
    from keras import tree

    if labels is None or not any_floats(labels):
        return labels
    return tree.map_structure(_as_floats, labels)


def _as_floats(labels: Any) -> Any:
    import tensorflow as tf

    if tf.as_dtype(labels.dtype).is_floating:
        return labels
    return labels.astype("float32") if isinstance(labels, np.ndarray) else tf.cast(labels, tf.float32)
