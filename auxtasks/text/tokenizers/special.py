"""The vocabulary of a Hugging Face tokenizer, and which of its tokens stand for no word."""

from __future__ import annotations

from typing import Any

from auxtasks.errors import InvalidInputError
from auxtasks.text.vocabulary import Vocabulary

_PADDING = ("[PAD]", "<pad>", "<|pad|>", "<PAD>")


def vocabulary_of(tokenizer: Any) -> Vocabulary:
    """Read the vocabulary of a Hugging Face tokenizer.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerFast or tokenizers.Tokenizer
        The tokenizer.

    Returns
    -------
    Vocabulary
        Its tokens by their numbers. Numbers without a token, which some tokenizers have, are special as well.

    Raises
    ------
    InvalidInputError
        If it has no padding token.
    """
    numbers = tokenizer.get_vocab()
    words = [""] * (max(numbers.values(), default=-1) + 1)
    for word, number in numbers.items():
        words[number] = word
    padding, unknown, special = _transformers(tokenizer) if hasattr(tokenizer, "is_fast") else _tokenizers(tokenizer)
    gaps = (number for number, word in enumerate(words) if not word)
    named = (number for number in (padding, unknown) if number is not None)
    return Vocabulary(tuple(words), padding, unknown, frozenset({*special, *gaps, *named}))


def _transformers(tokenizer: Any) -> tuple[int, int | None, list[int]]:
    if tokenizer.pad_token_id is None:
        raise InvalidInputError(
            "`tokenizer` has no padding token, and shorter texts must be padded; give it one, such as by "
            "tokenizer.pad_token = tokenizer.eos_token."
        )
    return tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.all_special_ids


def _tokenizers(tokenizer: Any) -> tuple[int, int | None, list[int]]:
    if tokenizer.padding is not None:
        padding = tokenizer.padding["pad_id"]
    else:
        named = (tokenizer.token_to_id(token) for token in _PADDING)
        padding = next((number for number in named if number is not None), None)
    if padding is None:
        raise InvalidInputError(
            f"`tokenizer` has no padding token, none of {', '.join(_PADDING)}, and shorter texts must be padded; name "
            "one by tokenizer.enable_padding(pad_id=..., pad_token=...)."
        )
    # Unigram models know the number of the unknown token, the others its name, and either may have none.
    model = tokenizer.model
    name = getattr(model, "unk_token", None)
    unknown = tokenizer.token_to_id(name) if name else getattr(model, "unk_id", None)
    added = tokenizer.get_added_tokens_decoder()
    return padding, unknown, [number for number, token in added.items() if token.special]
