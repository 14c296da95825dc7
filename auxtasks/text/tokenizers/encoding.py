"""What a Hugging Face tokenizer says of texts: the numbers and the places of its tokens."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np

from auxtasks.typing import Array


def is_hugging_face(value: object) -> bool:
    """Tell whether something is a tokenizer of transformers or tokenizers, without importing either.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        Whether it has what such a tokenizer has.

    Examples
    --------
    >>> is_hugging_face(str.split)
    False
    """
    return is_transformers(value) or all(hasattr(value, name) for name in ("encode_batch", "to_str", "token_to_id"))


def is_transformers(value: object) -> bool:
    """Tell whether something is a tokenizer of transformers; as `is_hugging_face` does."""
    return hasattr(value, "is_fast") and hasattr(value, "all_special_ids")


def encoded_by_call(tokenizer: Any, texts: list[str]) -> tuple[list[Any], Iterable[Any]]:
    """Return the numbers of each text and the places of all, as a tokenizer of transformers gives them."""
    said = tokenizer(
        texts,
        padding=False,
        return_offsets_mapping=True,
        return_attention_mask=False,
        return_token_type_ids=False,
        # Says nothing of texts that are longer than the model reads; `length` cuts them.
        verbose=False,
    )
    return said["input_ids"], chain.from_iterable(said["offset_mapping"])


def encoded(tokenizer: Any, texts: list[str]) -> tuple[list[Any], Iterable[Any]]:
    """Return the numbers of each text and the places of all, as a `tokenizers.Tokenizer` does, without padding."""
    said = tokenizer.encode_batch(texts)
    if tokenizer.padding is None:
        return [encoding.ids for encoding in said], chain.from_iterable(encoding.offsets for encoding in said)
    ids, offsets = [], []
    for encoding in said:
        real = [at for at, counts in enumerate(encoding.attention_mask) if counts]
        ids.append([encoding.ids[at] for at in real])
        offsets += [encoding.offsets[at] for at in real]
    return ids, offsets


def flat(rows: Iterable[Iterable[int]]) -> Array:
    """Lay numbers end to end, as int32."""
    return np.fromiter(chain.from_iterable(rows), np.int32)
