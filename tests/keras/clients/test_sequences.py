"""Models of texts and of series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from clients import Client, N, check
from keras import layers

import auxtasks

WORDS = ["the", "red", "old", "small", "film", "plot", "actor", "was", "felt", "good", "bad", "great", "1999", "2001"]
TEXTS = [" ".join(np.random.default_rng(seed).choice(WORDS, 5 + seed % 3)) for seed in range(N)]
LENGTH = 7


def _texts() -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(TEXTS, dtype=object), np.arange(N) % 2


def _tagged() -> tuple[np.ndarray, np.ndarray]:
    """A label for each place of a text."""
    texts, _ = _texts()
    lengths = np.array([len(text.split()) for text in texts])
    return texts, np.where(np.arange(LENGTH) < lengths[:, None], 1, 0)


def _word_tasks(texts: Any) -> Any:
    return auxtasks.make_aux_targets(texts, domain="text", tasks=["next_word", "word_shape"], model_inputs="texts")


def _word_shapes(texts: Any) -> Any:
    return auxtasks.make_aux_targets(texts, domain="text", tasks=["word_shape"], model_inputs="texts")


def _series() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, 8, 2)).astype("float32"), rng.normal(size=(N, 1)).astype("float32")


def _fft(series: Any) -> Any:
    return auxtasks.make_aux_targets(series, domain="signal", tasks=["fft", "std"])


def tokens_of(texts: Any) -> Any:
    return layers.TextVectorization(vocabulary=WORDS, output_sequence_length=LENGTH, name="tokens")(texts)


def lstm() -> keras.Model:
    texts = keras.Input((), dtype="string")
    hidden = layers.Embedding(len(WORDS) + 2, 6, mask_zero=True, name="embedding")(tokens_of(texts))
    hidden = layers.LSTM(5, return_sequences=True, name="steps")(hidden)
    hidden = layers.Dropout(0.3, seed=1)(layers.GlobalAveragePooling1D()(hidden))
    return keras.Model(texts, layers.Dense(2, activation="softmax")(hidden))


def pretrained_vectors() -> keras.Model:
    """Vectors of words from elsewhere, which stay as they are."""
    vectors = np.random.default_rng(0).normal(size=(len(WORDS) + 2, 6))
    texts = keras.Input((), dtype="string")
    frozen = layers.Embedding(*vectors.shape, trainable=False, name="embedding")
    frozen.build()
    frozen.embeddings.assign(vectors)
    hidden = layers.Conv1D(5, 3, padding="same", activation="relu", name="conv")(frozen(tokens_of(texts)))
    return keras.Model(texts, layers.Dense(2, activation="softmax")(layers.GlobalMaxPooling1D()(hidden)))


@keras.saving.register_keras_serializable("auxtasks_tests")
class TokenAndPosition(layers.Layer):
    """The sum of a vector for the word and one for its place, of which there is one set for all samples."""

    def __init__(self, n_words: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_words, self.width = n_words, width
        self.word = layers.Embedding(n_words, width, name="word")
        self.place = layers.Embedding(LENGTH, width, name="place")

    def build(self, shape: Any) -> None:
        self.word.build(shape)
        self.place.build(None)

    def call(self, ids: Any) -> Any:
        return self.word(ids) + self.place(keras.ops.arange(LENGTH))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n_words": self.n_words, "width": self.width}


def _encoded(texts: Any) -> Any:
    hidden = TokenAndPosition(len(WORDS) + 2, 6, name="embedding")(tokens_of(texts))
    attended = layers.MultiHeadAttention(2, 3)(hidden, hidden, use_causal_mask=True)
    return layers.LayerNormalization(name="encoded")(layers.Add()([attended, hidden]))


def token_classifier() -> keras.Model:
    texts = keras.Input((), dtype="string")
    hidden = layers.Dense(5, activation="relu", name="hidden")(_encoded(texts))
    return keras.Model(
        texts, layers.Dense(3, activation="softmax")(layers.Dropout(0.1, seed=1, name="dropped")(hidden))
    )


def attention_over_steps() -> keras.Model:
    """An LSTM whose steps are averaged by weights of their own, one a step."""
    series = keras.Input((8, 2))
    steps = layers.LSTM(5, return_sequences=True, name="steps")(series)
    weights = layers.Softmax(axis=1)(layers.Dense(1)(steps))
    pooled = layers.Flatten(name="pooled")(layers.Dot(axes=1)([weights, steps]))
    return keras.Model(series, layers.Dense(1)(pooled))


CLIENTS = [
    Client("lstm", lstm, _texts, _word_tasks, taps={"next_word": "steps", "word_shape": "embedding"}),
    Client("pretrained_vectors", pretrained_vectors, _texts, _word_shapes, taps={"word_shape": "conv"}),
    Client("token_classifier", token_classifier, _tagged, _word_tasks, taps={"next_word": "dropped"}),
    Client("attention_over_steps", attention_over_steps, _series, _fft, loss="mse", taps={"fft": "pooled"}),
]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_heads_serve(client: Client, tmp_path: Path) -> None:
    check(client, tmp_path)
