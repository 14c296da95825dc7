"""Samples for trial runs: the longest ones, and what is wrong with them where a model cannot read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.keras.texts import as_inputs, is_text, word_counts
from auxtasks.typing import Array

_TRIAL_SAMPLES = 2


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
    lengths : ndarray of int or None
        The tokens of each sample, where that is known.
    """

    inputs: Any
    n: int
    order: Array | None
    lengths: Array | None

    @classmethod
    def of(cls, inputs: Any, base: keras.Model, lengths: Any = None) -> Samples:
        """Check inputs and find the longest.

        Parameters
        ----------
        inputs : array or structure of arrays
            What the model reads.
        base : keras.Model
            The model.
        lengths : array-like of int, optional
            The tokens of each sample; not used where there are more or fewer samples.

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
        if known and len(known) != len(leaves):
            raise InvalidInputError(
                f"`inputs`: the model reads {len(known)} inputs; found {len(leaves)}. Pass samples of all of them as "
                "`inputs`, in the form in which fit will get them."
            )
        if any(map(is_text, leaves)) and known and not any(map(is_text, known)):
            raise InvalidInputError(
                f"`inputs` holds texts, and the model reads {_described(known)}. Pass what the model reads, such as "
                "the numbers of the tokens, as `inputs`, and the same to fit as x."
            )
        if known and all(map(is_text, known)) and not any(map(is_text, leaves)):
            raise InvalidInputError(
                "`inputs` holds no texts, and the model reads texts: it makes tokens itself. Pass the texts as "
                "`inputs`, and the same to fit as x."
            )
        # A model with a fixed batch size, such as one with stateful layers, runs on nothing else.
        n = next((tensor.shape[0] for tensor in known if tensor.shape[0]), _TRIAL_SAMPLES)
        total = len(leaves[0])
        lengths = None if lengths is None or len(lengths) != total else np.asarray(lengths)
        measure = lengths
        if measure is None:
            measure = next((word_counts(leaf) for leaf in leaves if is_text(leaf)), None)
        order = None if measure is None else np.argsort(-measure, kind="stable")
        return cls(inputs, n, order, lengths)

    def rows(self, block: int = 0) -> Array:
        """Return which samples a block of `n` holds; the first block holds the longest."""
        total = len(keras.tree.flatten(self.inputs)[0])
        order = np.arange(min(total, (block + 1) * self.n)) if self.order is None else self.order
        return np.sort(order[block * self.n : (block + 1) * self.n])

    def tensors(self, rows: Array) -> Any:
        """Return some samples, by number, as tensors."""
        return keras.tree.map_structure(lambda array: keras.ops.convert_to_tensor(_take(array, rows)), self.inputs)


def mismatch(inputs: Any, base: keras.Model) -> str | None:
    """Say how inputs differ from what a model says that it reads.

    Parameters
    ----------
    inputs : array or structure of arrays
        Samples.
    base : keras.Model
        The model.

    Returns
    -------
    str or None
        The shapes expected and found; None where there is no difference, or the model does not say what it reads.
    """
    known = getattr(base, "inputs", None) or []
    found = keras.tree.flatten(inputs)
    # Inputs by name may come in another order than the model's.
    if len(known) != len(found) or (len(known) > 1 and isinstance(inputs, Mapping)):
        return None
    if all(_fits(tuple(array.shape[1:]), tensor.shape[1:]) for array, tensor in zip(found, known, strict=True)):
        return None
    shapes = ", ".join(str(tuple(array.shape[1:])) for array in found)
    return f"a sample has shape {shapes}, and the model reads {_described(known)}"


def _fits(found: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    # Keras adds and takes away a last axis of length 1.
    found = found[:-1] if found[-1:] == (1,) and len(found) > len(expected) else found
    found = (*found, 1) if expected[-1:] == (1,) and len(found) < len(expected) else found
    return len(found) == len(expected) and all(b in (None, a) for a, b in zip(found, expected, strict=True))


def _described(known: list[Any]) -> str:
    return ", ".join(
        f"{keras.backend.standardize_dtype(tensor.dtype)} of shape {tuple(tensor.shape[1:])}" for tensor in known
    )


def _take(array: Any, rows: Array) -> Array:
    if np.array_equal(rows, np.arange(len(rows))):
        return np.asarray(array[: len(rows)])
    # The rows of a table are told by position, not by its index; those of a tensor by NumPy.
    source = array.iloc if hasattr(array, "iloc") else np.asarray(array) if hasattr(array, "numpy") else array
    return np.asarray(source[rows])
