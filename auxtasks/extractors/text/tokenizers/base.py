"""What every tokenizer gives: the model's own tokens and where they lie in the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from auxtasks.extractors.text.documents import Vocabulary
from auxtasks.extractors.text.spans import Spans
from auxtasks.typing import Array


@dataclass(frozen=True)
class Tokens:
    """The model's tokens of n texts."""

    spans: Spans  # where they lie in the text as the user gave it, whatever the tokenizer did to its characters
    words: list[str]  # as the model's vocabulary knows them (lower-cased, stripped, ...), flat
    ids: Array | None = None  # their numbers, int32 and flat, where the tokenizer numbers tokens itself


class Tokenizer(Protocol):
    """Cuts texts into the model's tokens."""

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The vocabulary it brings; None where one is to be fitted on the training texts."""

    @property
    def length(self) -> int | None:
        """The number of tokens it pads or cuts every text to; None where it does not."""

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Cut texts into tokens; not cut to `length`."""

    def to_dict(self) -> dict[str, Any] | None:
        """Describe it as plain JSON types; None where that cannot be done, as for a function."""
