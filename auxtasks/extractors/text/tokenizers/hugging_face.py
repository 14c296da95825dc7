"""The tokens of a fast Hugging Face tokenizer, of transformers or of tokenizers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.extractors.text.spans import Spans, Tokens
from auxtasks.extractors.text.vocabularies import Vocabulary
from auxtasks.optional import require
from auxtasks.typing import Array

# Texts are encoded in blocks of so many, which bounds the memory: encodings are large.
_BLOCK = 4096


@dataclass(frozen=True)
class HuggingFaceTokenizer:
    """Cuts texts as a Hugging Face tokenizer does when it is called, markers such as ``[CLS]`` included.

    One of transformers never cuts a text here, as its own call does not by default; one of tokenizers does if
    truncation is enabled. Padding is left out in both cases. Several tokens may stand for the same character (the
    bytes of an emoji), and have the same place then.
    """

    tokenizer: Any  # transformers.PreTrainedTokenizerFast or tokenizers.Tokenizer
    vocabulary: Vocabulary  # its special tokens are never a target
    length: int | None = None  # how many tokens it pads a text to

    @property
    def pads_left(self) -> bool:
        """Whether the user's tokenizer pads texts on the left."""
        if is_transformers(self.tokenizer):
            return bool(getattr(self.tokenizer, "padding_side", "right") == "left")
        return (self.tokenizer.padding or {}).get("direction") == "left"

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        encode = _encoded_by_call if is_transformers(self.tokenizer) else _encoded
        ids: list[Sequence[int]] = []
        parts = [np.zeros(0, np.int32)]
        for start in range(0, len(texts), _BLOCK):
            block_ids, offsets = encode(self.tokenizer, list(texts[start : start + _BLOCK]))
            ids += block_ids
            parts.append(_flat(offsets))
        counts = np.fromiter(map(len, ids), np.int64, len(ids))
        places = np.concatenate(parts).reshape(-1, 2)
        # A place without characters, wherever it lies, is written as 0, 0.
        places = places * (places[:, 1] > places[:, 0])[:, None]
        numbers = _flat(ids)
        spans = Spans(counts, np.ascontiguousarray(places[:, 0]), np.ascontiguousarray(places[:, 1]))
        return Tokens(spans, [self.vocabulary.words[number] for number in numbers.tolist()], numbers)

    def to_dict(self) -> dict[str, Any]:
        """Describe it as plain JSON types, by the JSON of ``tokenizers``; `from_dict` is the inverse."""
        described = json.loads(getattr(self.tokenizer, "backend_tokenizer", self.tokenizer).to_str())
        if is_transformers(self.tokenizer):
            # What an earlier call asked for stays behind in there, and is not what `tokenize` does.
            described |= {"truncation": None, "padding": None}
        tokenizer, vocabulary = json.dumps(described, ensure_ascii=False), self.vocabulary.to_dict()
        return {"kind": "hugging_face", "tokenizer": tokenizer, "vocabulary": vocabulary, "length": self.length}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> HuggingFaceTokenizer:
        """Make what `to_dict` described, with a ``tokenizers.Tokenizer`` inside."""
        tokenizers = require("tokenizers", extra="huggingface")
        tokenizer = tokenizers.Tokenizer.from_str(fields["tokenizer"])
        return cls(tokenizer, Vocabulary.from_dict(fields["vocabulary"]), fields["length"])


def from_hugging_face(tokenizer: Any) -> HuggingFaceTokenizer:
    if not is_transformers(tokenizer):
        return HuggingFaceTokenizer(tokenizer, _vocabulary_of(tokenizer), (tokenizer.padding or {}).get("length"))
    if not tokenizer.is_fast:
        raise InvalidTypeError(
            f"`tokenizer`: {type(tokenizer).__name__} is a slow tokenizer, which does not give the places of its "
            "tokens. Use a fast one, a PreTrainedTokenizerFast, or pass its method `tokenize` as a function."
        )
    return HuggingFaceTokenizer(tokenizer, _vocabulary_of(tokenizer))


def is_hugging_face(value: object) -> bool:
    """Tell whether something is a tokenizer of transformers or tokenizers, without importing either."""
    return is_transformers(value) or all(hasattr(value, name) for name in ("encode_batch", "to_str", "token_to_id"))


def is_transformers(value: object) -> bool:
    return hasattr(value, "is_fast") and hasattr(value, "all_special_ids")


def _encoded_by_call(tokenizer: Any, texts: list[str]) -> tuple[list[Any], Iterable[Any]]:
    """Return the numbers of each text and the places of all, as a tokenizer of transformers gives them."""
    only = {"return_offsets_mapping": True, "return_attention_mask": False, "return_token_type_ids": False}
    # With `verbose` it would tell of texts that are longer than the model reads; `max_length` cuts them.
    said = tokenizer(texts, padding=False, verbose=False, **only)
    return said["input_ids"], chain.from_iterable(said["offset_mapping"])


def _encoded(tokenizer: Any, texts: list[str]) -> tuple[list[Any], Iterable[Any]]:
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


def _flat(rows: Iterable[Iterable[int]]) -> Array:
    return np.fromiter(chain.from_iterable(rows), np.int32)


_PADDING = ("[PAD]", "<pad>", "<|pad|>", "<PAD>")


def _vocabulary_of(tokenizer: Any) -> Vocabulary:
    numbers = tokenizer.get_vocab()
    words = [""] * (max(numbers.values(), default=-1) + 1)
    for word, number in numbers.items():
        words[number] = word
    padding, unknown, special = (_of_transformers if is_transformers(tokenizer) else _of_tokenizers)(tokenizer)
    gaps = (number for number, word in enumerate(words) if not word)
    named = (number for number in (padding, unknown) if number is not None)
    return Vocabulary(tuple(words), padding, unknown, frozenset({*special, *gaps, *named}))


def _of_transformers(tokenizer: Any) -> tuple[int, int | None, list[int]]:
    if tokenizer.pad_token_id is None:
        raise InvalidInputError(
            "`tokenizer` has no padding token, but shorter texts must be padded; set one, such as "
            "tokenizer.pad_token = tokenizer.eos_token."
        )
    return tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.all_special_ids


def _of_tokenizers(tokenizer: Any) -> tuple[int, int | None, list[int]]:
    if tokenizer.padding is not None:
        padding = tokenizer.padding["pad_id"]
    else:
        named = (tokenizer.token_to_id(token) for token in _PADDING)
        padding = next((number for number in named if number is not None), None)
    if padding is None:
        raise InvalidInputError(
            f"`tokenizer` has no padding token, none of {', '.join(_PADDING)}, but shorter texts must be padded; name "
            "one with tokenizer.enable_padding(pad_id=..., pad_token=...)."
        )
    # Unigram models know the number of the unknown token, the others its name, and either may have none.
    model = tokenizer.model
    name = getattr(model, "unk_token", None)
    unknown = tokenizer.token_to_id(name) if name else getattr(model, "unk_id", None)
    added = tokenizer.get_added_tokens_decoder()
    return padding, unknown, [number for number, token in added.items() if token.special]
