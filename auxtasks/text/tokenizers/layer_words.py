"""The tokens of a ``TextVectorization`` layer whose rules are functions, which only the layer itself can apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from auxtasks.errors import InvalidInputError
from auxtasks.optional import require
from auxtasks.text.tokenizers.placing import placed
from auxtasks.text.tokens import Tokens
from auxtasks.text.vocabulary import Vocabulary

_BLOCK = 10_000


@dataclass(frozen=True)
class LayerTokenizer:
    """Cuts texts by the operations of a layer whose rules are functions.

    Parameters
    ----------
    layer : keras.layers.TextVectorization
        The layer.
    vocabulary : Vocabulary
        Its vocabulary.
    length : int, optional
        How many tokens it pads or cuts a text to.

    Notes
    -----
    The layer gives words without their places, which `auxtasks.text.tokenizers.locate.locate` finds. Empty words at the
    end of a text are padding and are left out.
    """

    layer: Any
    vocabulary: Vocabulary
    length: int | None = None

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Cut texts into tokens; see `auxtasks.text.tokens.Tokenizer`."""
        lists: list[list[str]] = []
        for start in range(0, len(texts), _BLOCK):
            lists += self._lists(texts[start : start + _BLOCK])
        words = [token for tokens in lists for token in tokens]
        return Tokens(placed(texts, lists), words, self.vocabulary.ids(words))

    def to_dict(self) -> dict[str, Any] | None:
        """Return None: functions cannot be described as plain JSON types."""
        return None

    def _lists(self, texts: Sequence[str]) -> list[list[str]]:
        tensorflow = require("tensorflow", extra="keras")
        # The layer's own operations up to the lookup of numbers; its public output keeps no words it does not know.
        found = self.layer._preprocess(tensorflow.constant(list(texts)))
        if found.shape.rank not in (1, 2) or int(found.shape[0] or len(texts)) != len(texts):
            raise InvalidInputError(
                f"`tokenizer`: the functions of layer {self.layer.name!r} must give one list of tokens for each text; "
                f"for {len(texts)} texts they gave the shape {tuple(found.shape)}."
            )
        if found.shape.rank == 1:
            return [[_decoded(token)] for token in found.numpy()]
        rows = found.to_list() if hasattr(found, "to_list") else found.numpy().tolist()
        return [[_decoded(token) for token in _without_padding(row)] for row in rows]


def _without_padding(row: list[bytes]) -> list[bytes]:
    size = len(row)
    while size and row[size - 1] == b"":
        size -= 1
    return row[:size]


def _decoded(token: bytes) -> str:
    # A function that cuts bytes may leave part of a character, which is in no vocabulary.
    return token.decode("utf-8", errors="replace")
