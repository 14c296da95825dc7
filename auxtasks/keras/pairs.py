"""Samples beside the same samples changed, as a model is tried on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from auxtasks.keras.samples import Samples
from auxtasks.keras.texts import is_text, text_list
from auxtasks.keras.variants import real_steps, replaced_letters, replaced_values, replaced_words
from auxtasks.typing import Array

_BLOCKS = 8
"""So many times texts are tried, until a changed one differs where it should in the model's own tokens."""
_SAMPLES = 256
"""Among so many samples of unknown length the longest are sought."""


@dataclass(frozen=True)
class Pair:
    """Samples and the same samples changed.

    Parameters
    ----------
    first, second : structure of tensors
        What the model reads.
    leaf : int
        Which of several inputs is changed.
    real : ndarray of bool, shape (n, time), or None
        The steps that are no padding; None for texts, whose steps the model makes.
    """

    first: Any
    second: Any
    leaf: int
    real: Array | None = None


def changed_pairs(samples: Samples, keep: int, n_steps: int) -> Iterator[Pair]:
    """Yield samples with their copies, changed at every step but one.

    Parameters
    ----------
    samples : Samples
        What the model reads.
    keep : {0, -1}
        The real step that stays, the first or the last.
    n_steps : int
        How many steps the target has; of several inputs this tells which one has the steps.

    Yields
    ------
    Pair
        Nothing where no input can be changed step by step, or where it is not known which.
    """
    leaf = _stepwise_leaf(samples, n_steps)
    if leaf is None:
        return
    values = keras.tree.flatten(samples.inputs)[leaf]
    if is_text(values):
        yield from _pairs_of_texts(samples, keep, leaf)
    elif len(values.shape) in (2, 3) and np.issubdtype(_dtype(values), np.number):
        yield _pair_of_numbers(samples, keep, leaf)


def _stepwise_leaf(samples: Samples, n_steps: int) -> int | None:
    """Return the input to change: the only one, the targets' own, or the only one that has steps like the target's."""
    leaves = keras.tree.flatten(samples.inputs)
    if len(leaves) == 1:
        return 0
    if samples.own is not None:
        return samples.own
    fitting = [number for number, leaf in enumerate(leaves) if is_text(leaf) or _has_steps(leaf, n_steps)]
    return fitting[0] if len(fitting) == 1 else None


def _has_steps(leaf: Any, n_steps: int) -> bool:
    shape = leaf.shape
    if len(shape) not in (2, 3) or shape[1] != n_steps:
        return False
    # Other numbers of shape (n, d) are features more often than steps.
    return np.issubdtype(_dtype(leaf), np.integer if len(shape) == 2 else np.number)


def _dtype(values: Any) -> np.dtype[Any]:
    return np.asarray(values[:1]).dtype


def _pair_of_numbers(samples: Samples, keep: int, leaf: int) -> Pair:
    rows, lengths = samples.rows(), samples.layout.lengths
    if lengths is None:
        found = real_steps(np.asarray(keras.tree.flatten(samples.inputs)[leaf][:_SAMPLES])).sum(axis=1)
        rows = np.sort(np.argsort(-found, kind="stable")[: samples.n])
    first = samples.tensors(rows)
    values = keras.ops.convert_to_numpy(keras.tree.flatten(first)[leaf])
    real = real_steps(values, None if lengths is None else lengths[rows], samples.layout.side)
    return Pair(first, _with_leaf(first, leaf, replaced_values(values, keep, real)), leaf, real)


def _pairs_of_texts(samples: Samples, keep: int, leaf: int) -> Iterator[Pair]:
    numbered = [samples.rows(block) for block in range(_BLOCKS)]
    blocks = [samples.tensors(rows) for rows in numbered if len(rows) == len(numbered[0])]
    cut = [text_list(keras.tree.flatten(block)[leaf]) for block in blocks]
    others = sorted({word for texts in cut for text in texts for word in text.split() if word.isalnum()})
    changes: list[Callable[[str], str | None]] = [
        lambda text: replaced_words(text, keep, others),
        lambda text: replaced_words(text, keep, others, whole=False),  # for punctuation that is a token
        lambda text: replaced_letters(text, keep),  # for tokens shorter than words
    ]
    for change in changes:
        for block, texts in zip(blocks, cut, strict=True):
            changed = [change(text) for text in texts]
            if any(changed):
                # A text that cannot be changed stays, and then tells nothing.
                new = [text if other is None else other for text, other in zip(texts, changed, strict=True)]
                shape = keras.tree.flatten(block)[leaf].shape
                yield Pair(block, _with_leaf(block, leaf, np.array(new, dtype=object).reshape(shape)), leaf)


def _with_leaf(inputs: Any, leaf: int, values: Array) -> Any:
    leaves = keras.tree.flatten(inputs)
    leaves[leaf] = keras.ops.convert_to_tensor(values)
    return keras.tree.pack_sequence_as(inputs, leaves)
