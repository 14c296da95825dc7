"""Texts, targets for their words, and small models that read them."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras import layers

from auxtasks.specs import TargetSpec

WORDS = ("the", "a", "cat", "dog", "sat", "ran", "on", "under", "mat", "tree")
VOCABULARY = ("", "[UNK]", *WORDS)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def make_texts(n: int = 32, longest: int = 7, seed: int = 0) -> np.ndarray:
    """Texts of 1 to `longest` words, the last one the only longest."""
    rng = np.random.default_rng(seed)
    lengths = [*rng.integers(1, longest, n - 1), longest]
    return np.array([" ".join(rng.choice(WORDS, length)) for length in lengths], dtype=object)


TEXTS = make_texts()
LENGTHS = np.array([len(text.split()) for text in TEXTS])
LABELS = np.array(["cat" in text for text in TEXTS], dtype=np.int64)


def word_ids(texts: np.ndarray = TEXTS, length: int = 7) -> np.ndarray:
    """The numbers of words, padded with 0."""
    rows = [[VOCABULARY.index(word) for word in text.split()][:length] for text in texts]
    return np.array([row + [0] * (length - len(row)) for row in rows])


def kinds_of_words(texts: np.ndarray = TEXTS, length: int = 7) -> np.ndarray:
    """A class for each word, -1 for padding: which of five pairs of words it is one of."""
    ids = word_ids(texts, length)
    return np.where(ids > 0, (ids - 2) // 2, -1)


def next_words(ids: np.ndarray) -> np.ndarray:
    """The class of the following word, counted from the first word of the vocabulary; -1 at the end."""
    shifted = np.concatenate([ids[:, 1:], np.zeros_like(ids[:, :1])], axis=1)
    return np.where(shifted > 0, shifted - 2, -1)


POS = TargetSpec("pos", "test", "step_class", (7,), n_classes=5, per_sample="pos_histogram")
NEXT = TargetSpec("next_word", "test", "step_class", (7,), n_classes=10, classes=WORDS, lookahead="next")
PREVIOUS = TargetSpec("previous_word", "test", "step_class", (7,), n_classes=10, classes=WORDS, lookahead="previous")


def targets_of(*specs: TargetSpec, inputs: Any = TEXTS, **more: Any) -> SimpleNamespace:
    """What `attach_heads` reads of targets."""
    named: Mapping[str, TargetSpec] = {spec.name: spec for spec in specs}
    return SimpleNamespace(specs=named, inputs=inputs, **more)


def text_model(*stack: layers.Layer, length: int | None = None, **embedding: Any) -> keras.Model:
    """A model of texts: tokens, an embedding of width 8, `stack`, pooling and a head."""
    keras.utils.set_random_seed(0)
    tokens = layers.TextVectorization(vocabulary=VOCABULARY[2:], output_sequence_length=length, name="tokens")
    return keras.Sequential(
        [
            keras.Input((), dtype="string"),
            tokens,
            layers.Embedding(len(VOCABULARY), 8, name="embedding", **{"mask_zero": True, **embedding}),
            *(stack or [layers.Dense(6, activation="tanh", name="steps")]),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2),
        ]
    )


def id_model(*stack: layers.Layer, **embedding: Any) -> keras.Model:
    """The same for numbers of words."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(len(VOCABULARY), 8, name="embedding", **{"mask_zero": True, **embedding}),
            *(stack or [layers.Dense(6, activation="tanh", name="steps")]),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2),
        ]
    )
