"""The tokens of a fast Hugging Face tokenizer, of transformers or of tokenizers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.errors import InvalidTypeError
from auxtasks.optional import require
from auxtasks.text.spans import Spans
from auxtasks.text.tokenizers.encoding import encoded, encoded_by_call, flat, is_transformers
from auxtasks.text.tokenizers.special import vocabulary_of
from auxtasks.text.tokens import Tokens
from auxtasks.text.vocabulary import Vocabulary

# Texts are encoded in blocks of so many, which bounds the memory: encodings are large.
_BLOCK = 4096


@dataclass(frozen=True)
class HuggingFaceTokenizer:
    """Cuts texts as a Hugging Face tokenizer does when it is called, markers such as ``[CLS]`` included.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerFast or tokenizers.Tokenizer
        The tokenizer. One of transformers never cuts a text here, as its own call does not by default; one of
        tokenizers does if truncation is enabled. Padding is left out in both cases.
    vocabulary : Vocabulary
        Its vocabulary; its special tokens are never a target.
    length : int, optional
        How many tokens it pads a text to.

    Notes
    -----
    Several tokens may stand for the same character (the bytes of an emoji), and have the same place then.
    """

    tokenizer: Any
    vocabulary: Vocabulary
    length: int | None = None

    @property
    def pads_left(self) -> bool:
        """Whether the user's tokenizer pads texts on the left."""
        if is_transformers(self.tokenizer):
            return bool(getattr(self.tokenizer, "padding_side", "right") == "left")
        return (self.tokenizer.padding or {}).get("direction") == "left"

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Cut texts into tokens; see `auxtasks.text.tokens.Tokenizer`."""
        encode = encoded_by_call if is_transformers(self.tokenizer) else encoded
        ids: list[Sequence[int]] = []
        parts = [np.zeros(0, np.int32)]
        for start in range(0, len(texts), _BLOCK):
            block_ids, offsets = encode(self.tokenizer, list(texts[start : start + _BLOCK]))
            ids += block_ids
            parts.append(flat(offsets))
        counts = np.fromiter(map(len, ids), np.int64, len(ids))
        places = np.concatenate(parts).reshape(-1, 2)
        # A place without characters, wherever it lies, is written as 0, 0.
        places = places * (places[:, 1] > places[:, 0])[:, None]
        numbers = flat(ids)
        spans = Spans(counts, np.ascontiguousarray(places[:, 0]), np.ascontiguousarray(places[:, 1]))
        return Tokens(spans, [self.vocabulary.words[number] for number in numbers.tolist()], numbers)

    def to_dict(self) -> dict[str, Any]:
        """Describe it as plain JSON types, by the JSON of ``tokenizers``; `from_dict` is the inverse."""
        described = json.loads(getattr(self.tokenizer, "backend_tokenizer", self.tokenizer).to_str())
        if is_transformers(self.tokenizer):
            # What an earlier call asked for stays behind in there, and is not what `tokenize` does.
            described |= {"truncation": None, "padding": None}
        vocabulary = self.vocabulary.to_dict()
        return {
            "kind": "hugging_face",
            "tokenizer": json.dumps(described, ensure_ascii=False),
            "vocabulary": vocabulary,
            "length": self.length,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> HuggingFaceTokenizer:
        """Make what `to_dict` described, with a ``tokenizers.Tokenizer`` inside."""
        tokenizers = require("tokenizers", extra="huggingface")
        tokenizer = tokenizers.Tokenizer.from_str(fields["tokenizer"])
        return cls(tokenizer, Vocabulary.from_dict(fields["vocabulary"]), fields["length"])


def from_hugging_face(tokenizer: Any) -> HuggingFaceTokenizer:
    """Make a tokenizer of one of Hugging Face.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerFast or tokenizers.Tokenizer
        The tokenizer.

    Returns
    -------
    HuggingFaceTokenizer
        The tokenizer with its vocabulary.

    Raises
    ------
    InvalidTypeError
        If it is a slow tokenizer of transformers, which does not tell places.
    InvalidInputError
        If it has no padding token.
    """
    if is_transformers(tokenizer):
        if not tokenizer.is_fast:
            raise InvalidTypeError(
                f"`tokenizer`: {type(tokenizer).__name__} is a slow tokenizer, which does not tell where its tokens "
                "lie. Use a fast one, a PreTrainedTokenizerFast, or pass its method `tokenize` as a function."
            )
        return HuggingFaceTokenizer(tokenizer, vocabulary_of(tokenizer))
    return HuggingFaceTokenizer(tokenizer, vocabulary_of(tokenizer), (tokenizer.padding or {}).get("length"))
