"""The tokens of a ``keras.layers.TextVectorization`` layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.documents import Vocabulary
from auxtasks.extractors.text.tokenizers.base import Tokens
from auxtasks.extractors.text.tokenizers.function import placed
from auxtasks.extractors.text.tokenizers.standard import StandardTokenizer
from auxtasks.optional import require


def is_text_vectorization(value: object) -> bool:
    """Tell whether something is a ``keras.layers.TextVectorization``, without importing Keras."""
    return _derives_from_keras(value, "TextVectorization")


def is_layer(value: object) -> bool:
    """Tell whether something is a Keras layer, without importing Keras; as `is_text_vectorization` does."""
    return _derives_from_keras(value, "Layer")


def from_layer(layer: Any) -> StandardTokenizer | LayerTokenizer:
    """Make a tokenizer that gives what a layer gives, and the places as well."""
    config = layer.get_config()
    _check_config(config, layer.name)
    words = tuple(map(str, layer.get_vocabulary()))
    # Padding and unknown are always there, also before the layer has learned anything.
    if len(words) <= 2:
        raise InvalidInputError(
            f"`tokenizer`: layer {layer.name!r} has no vocabulary; call its adapt(texts) on the training texts first."
        )
    vocabulary, length = Vocabulary(words), config["output_sequence_length"]
    standardize, split = config["standardize"], config["split"]
    if callable(standardize) or callable(split) or _changes_rules(layer):
        return LayerTokenizer(layer, vocabulary, length)
    return StandardTokenizer(standardize, split, vocabulary, length)


def _check_config(config: dict[str, Any], name: str) -> None:
    if config["output_mode"] != "int":
        raise InvalidInputError(
            f"`tokenizer`: layer {name!r} must have output_mode 'int', one number for each token; got "
            f"{config['output_mode']!r}, which loses their order."
        )
    if config["ngrams"] is not None:
        raise InvalidInputError(
            f"`tokenizer`: layer {name!r} makes n-grams (ngrams={config['ngrams']!r}), which stand for several "
            "words at once; use a layer with ngrams=None."
        )
    if str(config["encoding"]).lower().replace("_", "-") not in ("utf-8", "utf8"):
        raise InvalidInputError(
            f"`tokenizer`: layer {name!r} must have the encoding 'utf-8'; got {config['encoding']!r}."
        )


def _changes_rules(layer: object) -> bool:
    """Tell whether a class of the user's stands before Keras's own rules."""
    own = next(cls for cls in type(layer).__mro__ if _is_keras(cls, "TextVectorization"))
    return type(layer)._preprocess is not own._preprocess  # type: ignore[attr-defined]


def _derives_from_keras(value: object, name: str) -> bool:
    return any(_is_keras(cls, name) for cls in type(value).__mro__)


def _is_keras(cls: type, name: str) -> bool:
    return cls.__name__ == name and cls.__module__.partition(".")[0] == "keras"


_BLOCK = 10_000


@dataclass(frozen=True)
class LayerTokenizer:
    """Cuts texts by the operations of a ``TextVectorization`` layer whose rules are functions.

    The layer gives words without their places, which `auxtasks.extractors.text.tokenizers.function.locate` finds.
    Empty words at the end of a text are padding and are left out.
    """

    layer: Any
    vocabulary: Vocabulary
    length: int | None = None  # how many tokens it pads or cuts a text to

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Cut texts into tokens; see `auxtasks.extractors.text.tokenizers.base.Tokenizer`."""
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
