"""The tokens of a tokenizer or a preprocessor of keras-hub, which are told by their methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.documents import Vocabulary
from auxtasks.extractors.text.tokenizers.base import Tokens
from auxtasks.extractors.text.tokenizers.function import placed
from auxtasks.extractors.text.vocabularies import marked, pieces_of
from auxtasks.typing import Array

_BLOCK = 4096


@dataclass(frozen=True)
class KerasHubTokenizer:
    """Cuts texts as a tokenizer of keras-hub does, or a preprocessor, which adds markers such as ``[CLS]``.

    It does not tell where its tokens lie, which `auxtasks.extractors.text.tokenizers.function.locate` finds.
    """

    layer: Any  # the tokenizer or preprocessor
    vocabulary: Vocabulary
    length: int | None = None  # how many tokens it pads or cuts a text to

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Cut texts into tokens; see `auxtasks.extractors.text.tokenizers.base.Tokenizer`."""
        lists: list[list[int]] = []
        for start in range(0, len(texts), _BLOCK):
            lists += self._ids(list(texts[start : start + _BLOCK]))
        # Markers are in no text, and nobody is to look for them.
        written, _ = pieces_of(self.vocabulary)
        written = ["" if number in self.vocabulary.special else piece for number, piece in enumerate(written)]
        spans = placed(texts, [[written[number] for number in ids] for ids in lists])
        flat = np.fromiter((number for ids in lists for number in ids), np.int32, sum(map(len, lists)))
        return Tokens(spans, [self.vocabulary.words[number] for number in flat.tolist()], flat)

    def to_dict(self) -> dict[str, Any] | None:
        """Return None: its files are not described as plain JSON types."""
        return None

    def _ids(self, texts: list[str]) -> list[list[int]]:
        found = self.layer(texts)
        found = found[0] if isinstance(found, tuple) else found  # beside labels and weights
        mask = None
        if isinstance(found, Mapping):
            if "token_ids" not in found:
                raise InvalidInputError(
                    f"`tokenizer`: {type(self.layer).__name__} gives {', '.join(map(repr, found))} and no 'token_ids'; "
                    "pass its attribute `tokenizer`."
                )
            found, mask = found["token_ids"], found.get("padding_mask")
        rows = _rows(found)
        reals = [row != self.vocabulary.padding for row in rows] if mask is None else _rows(mask)
        for row in rows:
            if len(row) and row.dtype.kind not in "iu":
                raise InvalidInputError(
                    f"`tokenizer`: {type(self.layer).__name__} gives {row.dtype.name} in place of ids; make it with "
                    "dtype='int32'."
                )
        return [row[real.astype(bool)].tolist() for row, real in zip(rows, reals, strict=True)]


def _rows(values: Any) -> list[Array]:
    values = values.to_list() if hasattr(values, "to_list") else values
    return [np.asarray(row) for row in (values if isinstance(values, list) else np.asarray(values))]


def is_keras_hub(value: object) -> bool:
    """Tell whether something is a tokenizer or preprocessor of keras-hub, without importing it."""
    return _is_tokenizer(value) or (callable(value) and _is_tokenizer(getattr(value, "tokenizer", None)))


def _is_tokenizer(value: object) -> bool:
    return all(hasattr(value, name) for name in ("tokenize", "detokenize", "id_to_token", "vocabulary_size"))


def from_keras_hub(layer: Any) -> KerasHubTokenizer:
    """Make a tokenizer of one of keras-hub, or of its preprocessor."""
    tokenizer = layer if _is_tokenizer(layer) else layer.tokenizer
    words = tuple(str(tokenizer.id_to_token(number)) for number in range(int(tokenizer.vocabulary_size())))
    special = [int(number) for number in getattr(tokenizer, "special_token_ids", ())]
    length = getattr(layer, "sequence_length", None)
    if layer is not tokenizer and length is None:
        raise InvalidInputError(
            f"`tokenizer`: the preprocessor {type(layer).__name__} has no `sequence_length`; set it, or pass its "
            "attribute `tokenizer`."
        )
    vocabulary = marked(words, getattr(tokenizer, "pad_token_id", None), special)
    return KerasHubTokenizer(layer, vocabulary, length)
