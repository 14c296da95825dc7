"""Labels as Keras takes them, and predictions as scikit-learn gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.sklearn.reading_y import plain, read_y
from auxtasks.typing import Array

Encoded = tuple[Array, ...]
"""Labels for Keras: one array for each group of outputs that share a loss; -1 or NaN where missing."""


@dataclass(frozen=True)
class Labels:
    """What the main labels are.

    Parameters
    ----------
    target_type : str
        In the words of `sklearn.utils.multiclass.type_of_target`.
    n_columns : int
        How many columns y has.
    classes : tuple of ndarray
        The classes of each column; of all columns together for labels of yes and no; empty for numbers.
    unlabelled : object
        What stands for a missing label, beside NaN and None.
    """

    target_type: str
    n_columns: int
    classes: tuple[Array, ...] = ()
    unlabelled: Any = None

    @property
    def several(self) -> bool:
        """Whether y has several columns of classes."""
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
        """Bring labels into the form in which Keras takes them.

        Parameters
        ----------
        y : array-like
            Labels like those of the training.

        Returns
        -------
        tuple of ndarray
            See `Encoded`.

        Raises
        ------
        InvalidInputError
            If there are labels that the training did not have.
        """
        array, missing = read_y(y, self.unlabelled)
        columns = array.shape[1] if array.ndim == 2 else 1
        if columns != self.n_columns:
            raise InvalidInputError(f"`y` must have {self.n_columns} column(s), as in the training; found {columns}.")
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
        raise InvalidInputError(f"`y` holds {unknown[0]!r}, which is none of the classes of the training: {classes}.")
    codes[~missing] = np.searchsorted(classes, present)
    return codes
