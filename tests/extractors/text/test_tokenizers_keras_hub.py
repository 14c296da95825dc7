"""Tokenizers and preprocessors of keras-hub, by what stands in for them.

The stand-ins have the interface of keras-hub 0.32: ``WordPieceTokenizer``, ``TextClassifierPreprocessor`` and
``CausalLMPreprocessor``, which are layers that take texts and give lists, arrays or mappings.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import auxtasks
from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.tokenizers.choose import as_tokenizer
from tests.extractors.text.toy import ToyTagger

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "old", "dog", "saw", "##s", "a", "city", "."]
TEXTS = ["The old dogs saw.", "a city", "the xyz dog"]


class WordPieces(keras.layers.Layer):
    """A tokenizer."""

    pad_token_id = 0
    special_token_ids = (0, 2, 3)
    sequence_length = None
    gives: Any = staticmethod(int)

    def tokenize(self, inputs: Any) -> Any:
        rows = []
        for text in inputs:
            for old, new in ((".", " ."), ("dogs", "dog ##s")):
                text = text.lower().replace(old, new)
            rows.append([self.gives(WORDS.index(word) if word in WORDS else 1) for word in text.split()])
        return rows

    def call(self, inputs: Any) -> Any:
        return self.tokenize(inputs)

    def __call__(self, inputs: Any) -> Any:  # keras-hub too keeps Keras from making tensors of texts
        return self.call(inputs)

    def detokenize(self, inputs: Any) -> Any:
        return [" ".join(WORDS[number] for number in row).replace(" ##", "") for row in inputs]

    def id_to_token(self, number: int) -> str:
        return WORDS[number]

    def vocabulary_size(self) -> int:
        return len(WORDS)


class Preprocessor(WordPieces):
    """A preprocessor of a classifier; it has none of the methods of a tokenizer."""

    def __init__(self, tokenizer: Any, sequence_length: int | None = 7, key: str = "token_ids") -> None:
        super().__init__()
        self.tokenizer, self.sequence_length, self.key = tokenizer, sequence_length, key

    def __getattribute__(self, name: str) -> Any:
        if name in ("tokenize", "detokenize", "id_to_token", "vocabulary_size"):
            raise AttributeError(name)
        return super().__getattribute__(name)

    def call(self, inputs: Any) -> Any:
        rows = [[2, *row, 3] for row in self.tokenizer(inputs)]
        ids = np.array([[*row, *[0] * 7][:7] for row in rows])
        return {self.key: keras.ops.convert_to_tensor(ids), "padding_mask": keras.ops.convert_to_tensor(ids != 0)}


class CausalPreprocessor(Preprocessor):
    """A preprocessor of a language model, which gives labels and weights too."""

    def call(self, inputs: Any) -> Any:
        found = super().call(inputs)
        return found, found["token_ids"], found["padding_mask"]


def _make(tokenizer: Any, X: Any = TEXTS) -> auxtasks.AuxTargets:
    return auxtasks.make_aux_targets(X, "text", "pos", tokenizer=tokenizer, tagger=ToyTagger())


def test_a_tokenizer() -> None:
    targets = _make(WordPieces())
    assert targets.inputs.tolist() == [[4, 5, 6, 8, 7, 11], [9, 10, 0, 0, 0, 0], [4, 1, 6, 0, 0, 0]]
    assert targets["pos"][:2].tolist() == [[5, 0, -1, -1, 15, 12], [5, 7, -1, -1, -1, -1]]
    assert targets["pos"][2].tolist() == [5, -1, 7, -1, -1, -1]
    assert targets.vocabulary == tuple(WORDS)


@pytest.mark.parametrize("preprocessor", [Preprocessor, CausalPreprocessor])
def test_a_preprocessor_gives_the_ids_of_its_model(preprocessor: type[Preprocessor]) -> None:
    targets = _make(preprocessor(WordPieces()), TEXTS[1:])
    assert targets.inputs.tolist() == [[2, 9, 10, 3, 0, 0, 0], [2, 4, 1, 6, 3, 0, 0]]
    assert targets["pos"].tolist() == [[-1, 5, 7, -1, -1, -1, -1], [-1, 5, -1, 7, -1, -1, -1]]
    assert targets.transform(["a dog"]).inputs.shape == (1, 7)


def test_ids_that_a_preprocessor_gave() -> None:
    preprocessor = Preprocessor(WordPieces())
    ids = np.asarray(preprocessor(TEXTS[1:])["token_ids"])
    for tokenizer in (preprocessor, preprocessor.tokenizer):
        targets = _make(tokenizer, ids)
        assert targets.inputs is ids
        assert targets["pos"].tolist() == [[-1, 5, 7, -1, -1, -1, -1], [-1, 5, -1, 7, -1, -1, -1]]


def test_markers_are_special_and_the_tokenizer_is_asked_for_again_after_loading() -> None:
    tokenizer = as_tokenizer(WordPieces())
    assert tokenizer.vocabulary is not None
    assert tokenizer.vocabulary.special == {0, 1, 2, 3}
    assert tokenizer.to_dict() is None


def test_what_gives_no_ids_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="has no `sequence_length`; set it, or pass its attribute `tokenizer`"):
        _make(Preprocessor(WordPieces(), None))
    with pytest.raises(
        InvalidInputError, match="'encoder_token_ids', 'padding_mask' and no 'token_ids'; pass its attr"
    ):
        _make(Preprocessor(WordPieces(), key="encoder_token_ids"))
    words = WordPieces()
    words.gives = lambda number: WORDS[number]
    with pytest.raises(InvalidInputError, match=r"WordPieces gives .* in place of ids; make it with dtype='int32'"):
        _make(words)
