"""What is wrong with samples that a model cannot read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.keras.layers import walk
from auxtasks.keras.texts import is_text

_TEXTS = (
    "Pass the texts as `inputs`, and the same to fit as x; targets.inputs are texts with make_aux_targets(..., "
    'inputs="texts").'
)
"""What to do where a model makes tokens itself and is given none."""


def check_kinds(leaves: Sequence[Any], known: Sequence[Any]) -> None:
    """Refuse too many or too few inputs, texts for a model that reads numbers, and the other way round.

    Parameters
    ----------
    leaves : sequence of arrays
        The inputs.
    known : sequence of symbolic tensors
        What the model says that it reads; nothing where it does not say.

    Raises
    ------
    InvalidInputError
        If they differ in this.
    """
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
        raise InvalidInputError(f"`inputs` holds no texts, and the model reads texts: it makes tokens itself. {_TEXTS}")


def check_texts(inputs: Any, base: keras.Model) -> None:
    """Say why a model failed on inputs, if it is because it makes tokens of texts and there is none among them.

    Parameters
    ----------
    inputs : tensor or structure of tensors
        Samples on which it failed.
    base : keras.Model
        The model.

    Raises
    ------
    InvalidInputError
        If that is so.
    """
    tokenizers = [layer.name for _, layer in walk(base) if isinstance(layer, keras.layers.TextVectorization)]
    if tokenizers and not any(map(is_text, keras.tree.flatten(inputs))):
        raise InvalidInputError(
            f"`inputs` holds no texts, and layer {tokenizers[0]!r} of the model makes tokens of texts. {_TEXTS}"
        )


def check_shapes(inputs: Any, base: keras.Model) -> None:
    """Say why a model failed on inputs, if it is because it reads inputs of another shape.

    Parameters
    ----------
    inputs, base
        As for `check_texts`.

    Raises
    ------
    InvalidInputError
        If that is so; not where the model does not say what it reads.
    """
    known, leaves = getattr(base, "inputs", None) or [], keras.tree.flatten(inputs)
    # Inputs by name may come in another order than the model's.
    if len(known) != len(leaves) or (len(known) > 1 and isinstance(inputs, Mapping)):
        return
    if all(_fits(tuple(array.shape[1:]), tensor.shape[1:]) for array, tensor in zip(leaves, known, strict=True)):
        return
    shapes = ", ".join(str(tuple(array.shape[1:])) for array in leaves)
    raise InvalidInputError(
        f"`inputs`: a sample has shape {shapes}, and the model reads {_described(known)}. Pass what the model reads as "
        "`inputs`."
    )


def check_numbers(leaves: Sequence[Any], base: keras.Model) -> None:
    """Refuse numbers of tokens for which an embedding that reads them has no row.

    TensorFlow fails on them with an error that names neither, and on a GPU takes zeros instead.

    Parameters
    ----------
    leaves : sequence of arrays
        The inputs, all samples.
    base : keras.Model
        The model; looked at where its graph is known.

    Raises
    ------
    InvalidInputError
        If there is such a number.
    """
    known = getattr(base, "inputs", None) or []
    if len(known) != len(leaves):
        return
    for layer in base.layers:
        if not isinstance(layer, keras.layers.Embedding):
            continue
        for tensor, values in zip(known, leaves, strict=True):
            if getattr(layer, "input", None) is tensor and (largest := _largest(values)) >= layer.input_dim:
                raise InvalidInputError(
                    f"`inputs` holds the number {largest}, and the embedding {layer.name!r} has {layer.input_dim} rows "
                    f"(0 to {layer.input_dim - 1}). Give it input_dim=len(targets.vocabulary), or compute the targets "
                    f"with make_aux_targets(..., max_tokens={layer.input_dim})."
                )


def _largest(values: Any) -> int:
    return -1 if is_text(values) else int(np.asarray(values).max(initial=-1))


def _fits(found: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    # Keras adds and takes away a last axis of length 1.
    found = found[:-1] if found[-1:] == (1,) and len(found) > len(expected) else found
    found = (*found, 1) if expected[-1:] == (1,) and len(found) < len(expected) else found
    return len(found) == len(expected) and all(b in (None, a) for a, b in zip(found, expected, strict=True))


def _described(known: Sequence[Any]) -> str:
    return ", ".join(
        f"{keras.backend.standardize_dtype(tensor.dtype)} of shape {tuple(tensor.shape[1:])}" for tensor in known
    )
