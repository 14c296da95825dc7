"""The tokens of layers: ``keras.layers.TextVectorization``, and the tokenizers and preprocessors of keras-hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.spans import Tokens
from auxtasks.extractors.text.tokenizers.function import placed
from auxtasks.extractors.text.tokenizers.standard import StandardTokenizer
from auxtasks.extractors.text.vocabularies import Vocabulary, marked, pieces_of
from auxtasks.optional import require
from auxtasks.typing import Array

_BLOCK = 4096


def is_text_vectorization(value: object) -> bool:
    """Tell whether something is a ``keras.layers.TextVectorization``, without importing Keras."""
    return any(_is_keras(cls, "TextVectorization") for cls in type(value).__mro__)


def is_layer(value: object) -> bool:
    """Tell whether something is a Keras layer, without importing Keras."""
    return any(_is_keras(cls, "Layer") for cls in type(value).__mro__)


def _is_keras(cls: type, name: str) -> bool:
    return cls.__name__ == name and cls.__module__.partition(".")[0] == "keras"


def from_layer(layer: Any) -> StandardTokenizer | LayerTokenizer:
    """Make a tokenizer that gives what a layer gives, and the places as well."""
    config = layer.get_config()
    if config["output_mode"] != "int":
        raise InvalidInputError(
            f"`tokenizer`: layer {layer.name!r} must have output_mode 'int', one number for each token; got "
            f"{config['output_mode']!r}, which loses their order."
        )
    if config["ngrams"] is not None:
        raise InvalidInputError(
            f"`tokenizer`: layer {layer.name!r} makes n-grams (ngrams={config['ngrams']!r}), which stand for several "
            "words at once; use a layer with ngrams=None."
        )
    if str(config["encoding"]).lower().replace("_", "-") not in ("utf-8", "utf8"):
        raise InvalidInputError(
            f"`tokenizer`: layer {layer.name!r} must have the encoding 'utf-8'; got {config['encoding']!r}."
        )
    words = tuple(map(str, layer.get_vocabulary()))
    # Padding and unknown are always there, also before the layer has learned anything.
    if len(words) <= 2:
        raise InvalidInputError(
            f"`tokenizer`: layer {layer.name!r} has no vocabulary; call its adapt(texts) on the training texts first."
        )
    vocabulary, length = Vocabulary(words), config["output_sequence_length"]
    standardize, split = config["standardize"], config["split"]
    # A class of the user's may stand before Keras's own rules.
    own = next(cls for cls in type(layer).__mro__ if _is_keras(cls, "TextVectorization"))
    changes_rules = type(layer)._preprocess is not own._preprocess  # type: ignore[attr-defined]
    if callable(standardize) or callable(split) or changes_rules:
        return LayerTokenizer(layer, vocabulary, length)
    return StandardTokenizer(standardize, split, vocabulary, length)


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
        sizes = [max((at for at, token in enumerate(row, start=1) if token), default=0) for row in rows]
        return [[_decoded(token) for token in row[:size]] for row, size in zip(rows, sizes, strict=True)]


def _decoded(token: bytes) -> str:
    # A function that cuts bytes may leave part of a character, which is in no vocabulary.
    return token.decode("utf-8", errors="replace")


def is_keras_hub(value: object) -> bool:
    """Tell whether something is a tokenizer or preprocessor of keras-hub, without importing it."""
    return _is_hub_tokenizer(value) or (callable(value) and _is_hub_tokenizer(getattr(value, "tokenizer", None)))


def _is_hub_tokenizer(value: object) -> bool:
    return all(hasattr(value, name) for name in ("tokenize", "detokenize", "id_to_token", "vocabulary_size"))


def from_keras_hub(layer: Any) -> KerasHubTokenizer:
    tokenizer = layer if _is_hub_tokenizer(layer) else layer.tokenizer
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


@dataclass(frozen=True)
class KerasHubTokenizer:
    """Cuts texts as a tokenizer of keras-hub does, or a preprocessor, which adds markers such as ``[CLS]``.

    It does not tell where its tokens lie, which `auxtasks.extractors.text.tokenizers.function.locate` finds.
    """

    layer: Any  # the tokenizer or preprocessor
    vocabulary: Vocabulary
    length: int | None = None  # how many tokens it pads or cuts a text to

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        lists: list[list[int]] = []
        for start in range(0, len(texts), _BLOCK):
            lists += self._ids(list(texts[start : start + _BLOCK]))
        # Markers are in no text, and nobody is to look for them.
        pieces, _ = pieces_of(self.vocabulary)
        written = ["" if number in self.vocabulary.special else piece for number, piece in enumerate(pieces)]
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
