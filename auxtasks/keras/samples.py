"""The samples that a model is tried on, and what is said of those it cannot read."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from auxtasks.backend import check_tensorflow
from auxtasks.batches.forms import is_text, read_rows, word_counts
from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.extractors.text.documents import FittedTexts
from auxtasks.keras.layers import walk
from auxtasks.typing import Array

_TRIAL_SAMPLES = 2
_LOOKED_AT = 256
"""By so many samples inputs are told to be those that the targets were made from, and the longest found."""


@dataclass(frozen=True)
class Samples:
    """A few samples of what a model reads, the longest, as tensors."""

    inputs: Any
    lengths: Array | None
    """The tokens of each as the targets count them; None where that is not known, or the samples are no texts."""
    padding: int
    """The number that stands for no token."""
    own: int | None
    """Which of several inputs is the one that the targets were made from; None where that is not known."""

    @classmethod
    def of(cls, inputs: Any, base: keras.Model, targets: Any = None) -> Samples:
        """Check inputs, find the longest, and read off targets, or what is passed for them, what they know of these."""
        if inputs is None:
            raise InvalidInputError("`samples`: pass a few samples of what the model reads, since `targets` hold none.")
        inputs = read_rows("samples", inputs)
        known, leaves = getattr(base, "inputs", None) or [], keras.tree.flatten(inputs)
        if any(map(is_text, leaves)):
            check_tensorflow(
                "samples",
                "texts are read",
                "other backends have no tensors of strings",
                "Pass the numbers of the tokens, and the same to fit as x",
            )
        _check_kinds(leaves, known)
        _warn_of_numbering(leaves, base, targets)
        _check_numbers(leaves, base)
        # A model with a fixed batch size, such as one with stateful layers, runs on nothing else.
        n = next((tensor.shape[0] for tensor in known if tensor.shape[0]), _TRIAL_SAMPLES)
        lengths = getattr(targets, "lengths", None)
        lengths = None if lengths is None or len(lengths) != len(leaves[0]) else np.asarray(lengths)
        order = np.argsort(-(_measured(leaves) if lengths is None else lengths), kind="stable")
        rows = np.sort(order[:n])
        vocabulary = getattr(getattr(getattr(targets, "generator", None), "texts_", None), "vocabulary", None)
        return cls(
            keras.tree.map_structure(lambda array: keras.ops.convert_to_tensor(_take(array, rows)), inputs),
            None if lengths is None else lengths[rows],
            -1 if vocabulary is not None and vocabulary.padding is None else getattr(vocabulary, "padding", 0),
            _own_leaf(leaves, targets),
        )

    @property
    def numbered_by_model(self) -> bool:
        """Whether the model is given texts, and not the numbers of tokens that the targets were made from."""
        leaves = keras.tree.flatten(self.inputs)
        return any(map(is_text, leaves)) and (self.own is None or is_text(leaves[self.own]))

    @property
    def image_size(self) -> tuple[int, int] | None:
        """The height and width of the images that targets were made from; None if they are no images."""
        leaves = keras.tree.flatten(self.inputs)
        images = [leaf for leaf in leaves if len(leaf.shape) == 4] if self.own is None else [leaves[self.own]]
        return tuple(images[0].shape[1:3]) if len(images) == 1 and len(images[0].shape) == 4 else None


def _measured(leaves: Sequence[Any]) -> Array:
    """Return the words of each text, or how many steps of the first samples are no zeros."""
    texts = next((leaf for leaf in leaves if is_text(leaf)), None)
    if texts is not None:
        return word_counts(texts)
    if len(leaves[0].shape) not in (2, 3):
        return np.ones(len(leaves[0]))
    first = np.asarray(leaves[0][:_LOOKED_AT])
    steps = (first != 0).any(axis=tuple(range(2, first.ndim)))
    return np.asarray(steps.sum(axis=1))


def _take(array: Any, rows: Array) -> Array:
    if np.array_equal(rows, np.arange(len(rows))):
        return np.asarray(array[: len(rows)])
    # The rows of a table are told by position, not by its index; those of a tensor by NumPy.
    source = array.iloc if hasattr(array, "iloc") else np.asarray(array) if hasattr(array, "numpy") else array
    return np.asarray(source[rows])


def _own_leaf(leaves: list[Any], targets: Any) -> int | None:
    """Return the input that is the targets' own: the very array, or one that holds the same."""
    try:
        own: Any = getattr(targets, "inputs", None)
    except InvalidInputError:  # not saved with the targets
        return None
    if not hasattr(own, "shape"):
        return None
    for number, leaf in enumerate(leaves):
        rows = np.arange(min(len(leaf), _LOOKED_AT))
        if leaf is own or (
            tuple(leaf.shape) == tuple(own.shape) and np.array_equal(_take(leaf, rows), _take(own, rows))
        ):
            return number
    return None


_TEXTS = (
    "Pass the texts as `samples`, and the same to fit as x; targets.inputs are texts with make_aux_targets(..., "
    'model_inputs="texts").'
)
"""What to do where a model makes tokens itself and is given none."""


def _check_kinds(leaves: Sequence[Any], known: Sequence[Any]) -> None:
    """Refuse too many or too few inputs, texts for a model that reads numbers, and the other way round."""
    if known and len(known) != len(leaves):
        raise InvalidInputError(
            f"`samples`: the model reads {len(known)} inputs; found {len(leaves)}. Pass samples of all of them as "
            "`samples`, in the form in which fit will get them."
        )
    if any(map(is_text, leaves)) and known and not any(map(is_text, known)):
        raise InvalidInputError(
            f"`samples` holds texts, but the model reads {_described(known)}. Pass what the model reads, such as the "
            "numbers of the tokens, as `samples`, and the same to fit as x."
        )
    if known and all(map(is_text, known)) and not any(map(is_text, leaves)):
        raise InvalidInputError(
            f"`samples` holds no texts, but the model reads texts and makes tokens itself. {_TEXTS}"
        )


def check_texts(inputs: Any, base: keras.Model) -> None:
    """Say why a model failed on inputs, if it is because it makes tokens of texts and there is none among them."""
    tokenizers = [layer.name for _, layer in walk(base) if isinstance(layer, keras.layers.TextVectorization)]
    if tokenizers and not any(map(is_text, keras.tree.flatten(inputs))):
        raise InvalidInputError(
            f"`samples` holds no texts, but layer {tokenizers[0]!r} of the model makes tokens of texts. {_TEXTS}"
        )


def check_shapes(inputs: Any, base: keras.Model, argument: str = "samples") -> None:
    """Say why a model failed on inputs, if it is because it reads inputs of another shape."""
    known, leaves = getattr(base, "inputs", None) or [], keras.tree.flatten(inputs)
    # Inputs by name may come in another order than the model's.
    if len(known) != len(leaves) or (len(known) > 1 and isinstance(inputs, Mapping)):
        return
    if all(_fits(tuple(array.shape[1:]), tensor.shape[1:]) for array, tensor in zip(leaves, known, strict=True)):
        return
    shapes = ", ".join(str(tuple(array.shape[1:])) for array in leaves)
    raise InvalidInputError(
        f"`{argument}`: a sample has shape {shapes}, but the model reads {_described(known)}. Pass what the model "
        f"reads as `{argument}`."
    )


def _check_numbers(leaves: Sequence[Any], base: keras.Model) -> None:
    """Refuse numbers of tokens for which an embedding that reads them has no row.

    TensorFlow fails on them with an error that names neither, and on a GPU takes zeros instead.
    """
    for layer, place in _embeddings(base) if len(getattr(base, "inputs", None) or []) == len(leaves) else ():
        largest = -1 if is_text(leaves[place]) else int(np.asarray(leaves[place]).max(initial=-1))
        if largest >= layer.input_dim:
            raise InvalidInputError(
                f"`samples` holds the id {largest}, but the embedding {layer.name!r} has {layer.input_dim} rows "
                f"(0 to {layer.input_dim - 1}). Give it input_dim=len(targets.vocabulary); or compute the targets "
                f"of texts with max_tokens={layer.input_dim}. In your own ids, replace larger ids by the id of "
                "unknown words."
            )


def _embeddings(base: keras.Model) -> list[tuple[keras.layers.Embedding, int]]:
    """Return the embeddings that read an input of a model, and which of them."""
    places = {id(tensor): place for place, tensor in enumerate(getattr(base, "inputs", None) or [])}
    found = [layer for layer in base.layers if isinstance(layer, keras.layers.Embedding)]
    read = [(layer, places.get(id(getattr(layer, "input", None)))) for layer in found]
    return [(layer, place) for layer, place in read if place is not None]


def _warn_of_numbering(leaves: Sequence[Any], base: keras.Model, targets: Any) -> None:
    """Warn of an embedding that was not made for the numbers that targets gave to words of their own accord."""
    generator = getattr(targets, "generator", None)
    texts = getattr(generator, "texts_", None)
    if not isinstance(texts, FittedTexts) or texts.words != "learned" or leaves[0] is not targets.inputs:
        return
    size = len(texts.vocabulary.words)
    known = (size, getattr(generator, "max_tokens", None))
    others = [layer for layer, place in _embeddings(base) if place == 0 and layer.input_dim not in known]
    if others:
        warnings.warn(
            f"targets.inputs hold ids of a vocabulary that was learned from these texts, with {size} tokens, but "
            f"the embedding {others[0].name!r} has {others[0].input_dim} rows. If the model has its own vocabulary, "
            "compute the targets with make_aux_targets(ids, vocabulary=...), or with its tokenizer; otherwise "
            "give it input_dim=len(targets.vocabulary).",
            AuxTasksWarning,
            stacklevel=4,
        )


def _fits(found: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    # Keras adds and takes away a last axis of length 1.
    found = found[:-1] if found[-1:] == (1,) and len(found) > len(expected) else found
    found = (*found, 1) if expected[-1:] == (1,) and len(found) < len(expected) else found
    return len(found) == len(expected) and all(b in (None, a) for a, b in zip(found, expected, strict=True))


def _described(known: Sequence[Any]) -> str:
    return ", ".join(
        f"{keras.backend.standardize_dtype(tensor.dtype)} of shape {tuple(tensor.shape[1:])}" for tensor in known
    )
