"""Labels as Keras takes them, and predictions as scikit-learn gives them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from auxtasks.columns import is_missing, plain_array
from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.labels import MAIN, missing_entries
from auxtasks.typing import Array

if TYPE_CHECKING:
    import keras


Encoded = tuple[Array, ...]
"""Labels for Keras: one array for each group of outputs that share a loss; -1 or NaN where missing."""


@dataclass(frozen=True)
class Labels:
    """What the main labels are."""

    target_type: str  # in the words of `sklearn.utils.multiclass.type_of_target`
    n_columns: int
    # The classes of each column; of all columns together for labels of yes and no; empty for numbers.
    classes: tuple[Array, ...] = ()
    unlabelled: Any = None  # stands for a missing label, beside NaN and None

    @property
    def several(self) -> bool:
        return len(self.classes) > 1

    @property
    def n_classes(self) -> int | list[int] | None:
        """How many classes there are: a list for several columns of classes, None for numbers."""
        counts = [len(classes) for classes in self.classes]
        return counts if self.several else counts[0] if counts else None

    @property
    def n_outputs(self) -> int:
        """How many units the last layer needs, or outputs the model where y has several columns of classes."""
        return len(self.classes[0]) if self.target_type in ("binary", "multiclass") else self.n_columns

    @property
    def output_activation(self) -> str:
        """What turns the last layer's values into predictions."""
        if not self.classes:
            return "linear"
        return "sigmoid" if self.target_type == "multilabel-indicator" else "softmax"

    def encode(self, y: Any) -> Encoded:
        array, missing = read_y(y, self.unlabelled)
        columns = array.shape[1] if array.ndim == 2 else 1
        if columns != self.n_columns:
            raise InvalidInputError(f"`y` must have {self.n_columns} column(s), as in the training; found {columns}.")
        if array.dtype.kind == "c":
            raise InvalidTypeError("`y` must hold real numbers; found complex ones.")
        if self.target_type not in ("binary", "multiclass", "multiclass-multioutput"):
            with np.errstate(over="ignore"):
                numbers = np.where(missing, np.nan, array).astype(np.float32)
            if not self.classes and not np.isfinite(numbers[~missing]).all():
                raise InvalidInputError("`y` holds numbers beyond the range of float32; rescale it first.")
            return (numbers,)
        table, gaps = array.reshape(len(array), -1), missing.reshape(len(array), -1)
        return tuple(_codes(table[:, i], gaps[:, i], classes) for i, classes in enumerate(self.classes))


def _codes(column: Array, missing: Array, classes: Array) -> Array:
    codes = np.full(len(column), -1, np.int32)
    present = plain(column[~missing])
    unknown = np.setdiff1d(present, classes)
    if len(unknown):
        raise InvalidInputError(
            f"`y` holds {unknown.tolist()[0]!r}, which is none of the classes of the training: {classes}."
        )
    codes[~missing] = np.searchsorted(classes, present)
    return codes


_MANY = 20
"""Of fewer classes than this nobody takes them for numbers."""


def fit_classes(y: Any, unlabelled: Any) -> Labels:
    array, missing = read_y(y, unlabelled)
    if missing.all(axis=0).any():
        where = "" if array.ndim == 1 else f" in column {missing.all(axis=0).argmax()}"
        raise InvalidInputError(f"`y` holds no label at all among its {len(array)} samples{where}; give some.")
    complete = plain(_filled(array, missing))
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)  # said below
        try:
            check_classification_targets(complete)
        except ValueError as error:
            raise InvalidInputError(f"`y`: {error}") from error
        kind = type_of_target(complete)
    if kind == "multilabel-indicator":
        return Labels(kind, array.shape[1], (np.arange(array.shape[1]),), unlabelled)
    table, gaps = array.reshape(len(array), -1), missing.reshape(len(array), -1)
    classes = tuple(np.unique(plain(table[~gaps[:, i], i])) for i in range(table.shape[1]))
    for found in classes:
        if len(found) < 2:
            where = f" Entries of {unlabelled!r} were taken for missing labels; if that is a class, pass unlabelled="
            raise InvalidInputError(
                f"`y` must hold at least two classes among the labels; found 1 class, {found.tolist()[0]!r}."
                f"{where + 'None.' if missing.any() else ''}"
            )
        if _MANY < len(found) > len(array) / 2:
            message = f"`y` holds {len(found)} classes among {len(array)} samples; numbers are for AuxRegressor."
            warnings.warn(message, AuxTasksWarning, stacklevel=4)
    if len(classes) == 1:
        kind = "binary" if len(classes[0]) == 2 else "multiclass"
    return Labels(kind, table.shape[1], classes, unlabelled)


def fit_numbers(y: Any) -> Labels:
    array, missing = read_y(y)
    if array.dtype.kind not in "biuf" and not all(isinstance(v, (int, float, np.number)) for v in array[~missing]):
        raise InvalidInputError(f"`y` must hold numbers; got dtype {array.dtype}, such as {array.flat[0]!r}.")
    if missing.all():
        raise InvalidInputError(
            f"`y` holds no number at all among its {len(array)} samples; input y contains NaN only."
        )
    columns = array.shape[1] if array.ndim == 2 else 1
    return Labels("continuous" if array.ndim == 1 else "continuous-multioutput", columns)


def check_weighed(argument: str, weights: Any, labels: Labels) -> None:
    """Refuse weights of classes that there are not; scikit-learn checks the rest."""
    columns = weights if isinstance(weights, (list, tuple)) else [weights]
    for place, (column, classes) in enumerate(zip(columns, labels.classes, strict=False)):
        if isinstance(column, Mapping) and labels.target_type in ("binary", "multiclass", "multiclass-multioutput"):
            _numbered(argument, column, classes, f"class of column {place} of y" if labels.several else "class of y")


def numbered_weights(asked: Any, labels: Labels, outputs: list[str]) -> Any:
    """Return class weights by the name of the output or target, as `fit` takes them; classes of y by their codes."""
    if not isinstance(asked, (Mapping, str)):
        return asked
    by_name = isinstance(asked, Mapping) and any(isinstance(each, (Mapping, str)) for each in asked.values())
    named = dict(asked) if isinstance(asked, Mapping) and by_name else {MAIN: asked}
    if len(outputs) == 1 and MAIN in named:
        named[outputs[0]] = named.pop(MAIN)
    for name, weights in named.items():
        if name in outputs and not labels.classes:
            raise InvalidInputError("`fit__class_weight`: numbers have no classes; pass `sample_weight` to fit.")
        if name in outputs and isinstance(weights, Mapping):
            classes = labels.classes[outputs.index(name) if labels.several else 0]
            named[name] = _numbered("fit__class_weight", weights, classes, f"class of {name!r}")
    return named


def _numbered(argument: str, weights: Mapping[Any, Any], classes: Array, what: str) -> dict[int, Any]:
    known = classes.tolist()
    for key in weights:
        if key not in known:
            raise unknown_name(argument, key, map(str, known), what)
    return {known.index(key): weight for key, weight in weights.items()}


def _filled(array: Array, missing: Array) -> Array:
    """Put some label of its column into each gap, so that samples with some of their labels tell the kind too."""
    filled = array.copy()
    table, gaps = filled.reshape(len(array), -1), missing.reshape(len(array), -1)
    for column, gap in zip(table.T, gaps.T, strict=True):
        column[gap] = column[~gap][0]
    return filled


def read_y(y: Any, unlabelled: Any = None) -> tuple[Array, Array]:
    """Return labels as an array, and which entries are missing."""
    if y is None:
        raise InvalidInputError("This estimator requires y to be passed, but the target y is None.")
    try:
        array = plain_array(y)
    except ValueError as error:
        raise InvalidInputError(f"`y` cannot be read as an array, one row for each sample: {error}") from error
    if array.ndim not in (1, 2) or not array.size:
        raise InvalidInputError(f"`y` should be a 1d array, or one of shape (n, outputs); got shape {array.shape}.")
    if array.shape[1:] == (1,):
        message = "A column-vector y was passed when a 1d array was expected; pass y.ravel()."
        warnings.warn(message, DataConversionWarning, stacklevel=4)
        array = array[:, 0]
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise InvalidInputError("Input y contains infinity; leave such samples out, or use NaN for a missing label.")
    return array, _missing(array, unlabelled)


def _missing(array: Array, unlabelled: Any) -> Array:
    if array.dtype == object:
        is_text = isinstance(unlabelled, str)
        flat = [is_missing(v) or (isinstance(v, str) == is_text and bool(v == unlabelled)) for v in array.flat]
        return np.array(flat, bool).reshape(array.shape)
    found = missing_entries(array, signed=True)
    same_kind = array.dtype.kind in "iuf" and isinstance(unlabelled, (int, float, np.number))
    if array.dtype.kind == "U":
        _refuse_made_strings(array, unlabelled)
        same_kind = isinstance(unlabelled, str)
    return found | (array == unlabelled) if same_kind else found


def _refuse_made_strings(array: Array, unlabelled: Any) -> None:
    """Refuse what ``names[unknown] = -1`` makes: a string that would be taken for a class."""
    made = {"nan"} | ({str(unlabelled)} if isinstance(unlabelled, (int, float)) else set())
    found = sorted((made - {unlabelled}).intersection(array.ravel().tolist()))
    if found:
        raise InvalidInputError(
            f"`y` holds the string {found[0]!r}, as NumPy writes a missing label into an array of strings; pass "
            f"unlabelled={found[0]!r} if it is one, or an array of dtype object if it is a class."
        )


def plain(values: Array) -> Array:
    """Give objects the dtype that they have in common, by which scikit-learn tells classes from numbers."""
    return np.array(values.tolist()) if values.dtype == object else values


def output_shapes(model: keras.Model, inputs: Any) -> dict[str, tuple[int, ...]]:
    """Return the shape of each output of a model without the samples, found by running it on a few."""
    from auxtasks.batches.forms import as_tensors

    outputs = model(as_tensors(inputs[:2]), training=False)
    if isinstance(outputs, Mapping):
        return {name: tuple(output.shape[1:]) for name, output in outputs.items()}
    if not isinstance(outputs, (list, tuple)):
        return {MAIN: tuple(outputs.shape[1:])}
    names = getattr(model, "output_names", None)
    if names is None:
        raise InvalidInputError("`model` has several outputs without names; return a mapping of names to outputs.")
    return {name: tuple(output.shape[1:]) for name, output in zip(names, outputs, strict=True)}


def by_output(encoded: Encoded, names: list[str]) -> dict[str, Array]:
    if len(encoded) == 1 and encoded[0].ndim == 2 and len(names) > 1 and encoded[0].shape[1] == len(names):
        encoded = tuple(encoded[0].T)
    if len(encoded) != len(names):
        raise InvalidInputError(
            f"`model` has the outputs {names}, and `y` needs {len(encoded)}: a model of several outputs takes one "
            "column of y for each, and several columns of classes need an output each."
        )
    return dict(zip(names, encoded, strict=True))


def predictions(outputs: Any, names: list[str]) -> list[Array]:
    if isinstance(outputs, Mapping):
        return [outputs[name] for name in names]
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def as_columns(outputs: list[Array], labels: Labels) -> Array:
    """Lay the numbers that a model predicts out as y was."""
    table = np.concatenate([output.reshape(len(output), -1) for output in outputs], axis=1).astype(np.float64)
    return table[:, 0] if labels.target_type == "continuous" else table
