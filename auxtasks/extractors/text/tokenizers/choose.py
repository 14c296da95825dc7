"""What every tokenizer gives, and which one an argument stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from auxtasks.errors import InvalidTypeError, unknown_name, wrong_type
from auxtasks.extractors.text.spans import Tokens
from auxtasks.extractors.text.tokenizers import keras_layers
from auxtasks.extractors.text.tokenizers.function import FunctionTokenizer
from auxtasks.extractors.text.tokenizers.hugging_face import HuggingFaceTokenizer, from_hugging_face, is_hugging_face
from auxtasks.extractors.text.tokenizers.standard import StandardTokenizer
from auxtasks.extractors.text.vocabularies import Vocabulary


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


_NAMES = ("standard", "whitespace")
_ACCEPTED = (
    "a keras.layers.TextVectorization layer, a fast Hugging Face tokenizer, a tokenizer or preprocessor of keras-hub, "
    "a function from a text to its tokens or to (start, end) pairs, 'standard', 'whitespace' or None (the rules of "
    "TextVectorization's defaults)"
)


def as_tokenizer(value: object) -> Tokenizer:
    if value is None:
        return StandardTokenizer()
    if isinstance(value, str):
        if value not in _NAMES:
            raise unknown_name("tokenizer", value, _NAMES, "tokenizer")
        return StandardTokenizer() if value == "standard" else StandardTokenizer(standardize=None)
    if keras_layers.is_text_vectorization(value):
        return keras_layers.from_layer(value)
    if is_hugging_face(value):
        return from_hugging_face(value)
    if keras_layers.is_keras_hub(value):
        return keras_layers.from_keras_hub(value)
    if all(hasattr(value, name) for name in ("tokenize", "to_dict", "vocabulary", "length")):
        return value  # type: ignore[return-value]
    if callable(value) and not keras_layers.is_layer(value):
        return FunctionTokenizer(value)
    method = " Pass its method `tokenize` if that takes a text." if hasattr(value, "tokenize") else ""
    raise InvalidTypeError(f"{wrong_type('tokenizer', _ACCEPTED, value)}{method}")


def from_dict(fields: Mapping[str, Any]) -> Tokenizer:
    made: Mapping[str, Any] = {"standard": StandardTokenizer, "hugging_face": HuggingFaceTokenizer}
    kind = fields["kind"]
    if kind not in made:
        raise unknown_name("kind", kind, made, "kind of tokenizer")
    tokenizer: Tokenizer = made[kind].from_dict(fields)
    return tokenizer
