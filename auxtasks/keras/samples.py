"""Samples for trial runs: the longest ones, and which of several inputs the targets were made from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.keras.layout import Layout
from auxtasks.keras.mismatch import check_kinds, check_numbers
from auxtasks.keras.texts import as_inputs, is_text, word_counts
from auxtasks.typing import Array

_TRIAL_SAMPLES = 2
_COMPARED = 256
"""By so many samples inputs are told to be those that the targets were made from."""


@dataclass(frozen=True)
class Samples:
    """Inputs of which a few are run at a time.

    Parameters
    ----------
    inputs : array or structure of arrays
        All samples.
    n : int
        How many of them the model is run on.
    order : ndarray of int or None
        The samples from the longest to the shortest; None where all are equally long.
    layout : Layout
        What the targets know of them, their lengths only where they belong to these samples.
    own : int or None
        Which of several inputs is the one that the targets were made from; None where that is not known.
    """

    inputs: Any
    n: int
    order: Array | None
    layout: Layout
    own: int | None = None

    @classmethod
    def of(cls, inputs: Any, base: keras.Model, layout: Layout | None = None) -> Samples:
        """Check inputs and find the longest.

        Parameters
        ----------
        inputs : array or structure of arrays
            What the model reads.
        base : keras.Model
            The model.
        layout : Layout, optional
            What the targets know of them; lengths are not used where there are more or fewer samples.

        Returns
        -------
        Samples
            The inputs, texts as arrays of objects.

        Raises
        ------
        InvalidInputError
            If there are none, too many or too few inputs, or texts where the model reads numbers, or the
            other way round.
        """
        if inputs is None:
            raise InvalidInputError("`inputs`: pass a few samples of what the model reads, since `targets` hold none.")
        inputs = as_inputs(inputs)
        known, leaves = getattr(base, "inputs", None) or [], keras.tree.flatten(inputs)
        check_kinds(leaves, known)
        check_numbers(leaves, base)
        # A model with a fixed batch size, such as one with stateful layers, runs on nothing else.
        n = next((tensor.shape[0] for tensor in known if tensor.shape[0]), _TRIAL_SAMPLES)
        total = len(leaves[0])
        layout = layout or Layout()
        if layout.lengths is not None and len(layout.lengths) != total:
            layout = replace(layout, lengths=None)
        measure = layout.lengths
        if measure is None:
            measure = next((word_counts(leaf) for leaf in leaves if is_text(leaf)), None)
        order = None if measure is None else np.argsort(-measure, kind="stable")
        return cls(inputs, n, order, layout, _own_leaf(leaves, layout.inputs))

    def rows(self, block: int = 0) -> Array:
        """Return which samples a block of `n` holds; the first block holds the longest."""
        total = len(keras.tree.flatten(self.inputs)[0])
        order = np.arange(min(total, (block + 1) * self.n)) if self.order is None else self.order
        return np.sort(order[block * self.n : (block + 1) * self.n])

    def tensors(self, rows: Array) -> Any:
        """Return some samples, by number, as tensors."""
        return keras.tree.map_structure(lambda array: keras.ops.convert_to_tensor(_take(array, rows)), self.inputs)

    def numbered_by_model(self) -> bool:
        """Tell whether the model is given texts, and not the numbers of tokens that the targets were made from."""
        leaves = keras.tree.flatten(self.inputs)
        return any(map(is_text, leaves)) and (self.own is None or is_text(leaves[self.own]))

    def counted(self) -> Array | None:
        """Return the tokens of the first block as the targets count them, where the model makes tokens of its own."""
        known = self.layout.lengths
        return known[self.rows()] if known is not None and self.numbered_by_model() else None


def _take(array: Any, rows: Array) -> Array:
    if np.array_equal(rows, np.arange(len(rows))):
        return np.asarray(array[: len(rows)])
    # The rows of a table are told by position, not by its index; those of a tensor by NumPy.
    source = array.iloc if hasattr(array, "iloc") else np.asarray(array) if hasattr(array, "numpy") else array
    return np.asarray(source[rows])


def _own_leaf(leaves: list[Any], own: Any) -> int | None:
    """Return the input that is the targets' own: the very array, or one that holds the same."""
    if not hasattr(own, "shape"):
        return None
    for number, leaf in enumerate(leaves):
        rows = np.arange(min(len(leaf), _COMPARED))
        if leaf is own or (
            tuple(leaf.shape) == tuple(own.shape) and np.array_equal(_take(leaf, rows), _take(own, rows))
        ):
            return number
    return None
