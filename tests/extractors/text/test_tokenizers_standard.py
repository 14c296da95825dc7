"""The standard tokenizer against the layer it stands for."""

from __future__ import annotations

import json
from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from shared_texts import real_texts, texts

from auxtasks.errors import InvalidInputError, UnknownNameError
from auxtasks.extractors.text.spans import Tokens
from auxtasks.extractors.text.tokenizers import standard
from auxtasks.extractors.text.tokenizers.choose import from_dict
from auxtasks.extractors.text.tokenizers.keras_layers import from_layer
from auxtasks.extractors.text.tokenizers.standard import StandardTokenizer, standardized
from auxtasks.extractors.text.vocabularies import Vocabulary

RULES = [
    (standardize, split)
    for standardize in (None, "lower", "strip_punctuation", "lower_and_strip_punctuation")
    for split in ("whitespace", "character", None)
]
every_rule = pytest.mark.parametrize(("standardize", "split"), RULES)


def layer_words(standardize: str | None, split: str | None, batch: list[str]) -> list[list[str]]:
    """Return the words of each text, before the layer looks up their numbers."""
    layer = keras.layers.TextVectorization(standardize=standardize, split=split)
    found = layer._preprocess(tf.constant(batch, tf.string))
    rows = [[word] for word in found.numpy().tolist()] if split is None else found.to_list()
    return [[word.decode() for word in row] for row in rows]


def rows_of(tokens: Tokens) -> list[list[tuple[str, int, int]]]:
    """Return word, start and end of every token, by text."""
    flat = list(zip(tokens.words, tokens.spans.starts.tolist(), tokens.spans.ends.tolist(), strict=True))
    bounds = tokens.spans.first.tolist()
    return [flat[begin:end] for begin, end in pairwise(bounds)]


def assert_as_layer(standardize: str | None, split: str | None, batch: list[str]) -> None:
    """The words are the layer's; places are in order, tight, and hold what the word was made of."""
    rows = rows_of(StandardTokenizer(standardize, split).tokenize(batch))
    assert [[word for word, _, _ in row] for row in rows] == layer_words(standardize, split, batch)
    for text, row in zip(batch, rows, strict=True):
        before = 0
        for word, start, end in row:
            assert standardized(text[start:end], standardize) == word
            assert before <= start <= end <= len(text)
            if word:
                # Both ends are characters that are kept.
                assert standardized(text[start], standardize)
                assert standardized(text[end - 1], standardize)
            else:
                assert (start, end) == (0, 0)
            before = end


@every_rule
@given(batch=texts)
@settings(max_examples=40)
@example(batch=[])
@example(batch=["", " \t\n", "--", "\x00", "a\xa0b\x85c\u2028d\x1ce", "x" * 5000, "-" * 50 + "Y", "a-b -c- - d"])
def test_words_and_places_on_awkward_texts(standardize, split, batch):
    assert_as_layer(standardize, split, batch)


@every_rule
@pytest.mark.parametrize("name", ["trec", "ud_ewt", "wnut17"])
def test_words_and_places_on_real_texts(standardize, split, name):
    assert_as_layer(standardize, split, real_texts(name)[:400])


@pytest.mark.parametrize("size", [1, 7, 40])
def test_blocks_do_not_show(monkeypatch, size):
    batch = ["Ab c-d", "", "é", "- x", "\n", "long words come here, and more of them"]
    expected = [rows_of(StandardTokenizer(*rule).tokenize(batch)) for rule in RULES]
    monkeypatch.setattr(standard, "_BLOCK", size)
    assert [rows_of(StandardTokenizer(*rule).tokenize(batch)) for rule in RULES] == expected


def test_characters_are_treated_as_tensorflow_treats_them():
    # All of Unicode at once: each character alone between two letters.
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    batch = ["a" + "a".join(every[start : start + 4096]) for start in range(0, len(every), 4096)]
    rule = "lower_and_strip_punctuation"
    words = layer_words(rule, "whitespace", batch)
    assert [[word for word, _, _ in row] for row in rows_of(StandardTokenizer().tokenize(batch))] == words


@every_rule
@pytest.mark.parametrize("length", [None, 6])
def test_numbers_are_the_layers(standardize, split, length):
    batch = [
        "The cat sat.",
        "the  dog, the CAT",
        "",
        "...",
        "unseen words of an over-long text, which is cut",
    ]
    layer = keras.layers.TextVectorization(20, standardize, split, output_sequence_length=length)
    layer.adapt(batch[:4])
    tokenizer = from_layer(layer)
    tokens = tokenizer.tokenize(batch)
    # Without a split the layer takes texts as a column to give one row for each.
    expected = layer(np.array(batch, object)[:, None]).numpy()
    padded = np.zeros((len(batch), max(expected.shape[1], tokens.spans.counts.max())), np.int32)
    padded[tokens.spans.row, tokens.spans.step] = tokens.ids
    assert tokenizer.length == length
    np.testing.assert_array_equal(padded[:, : expected.shape[1]], expected)


@pytest.mark.parametrize("max_tokens", [None, 3, 200])
@pytest.mark.parametrize("name", ["trec", "wnut17"])
def test_a_fitted_vocabulary_is_that_of_an_adapted_layer(name, max_tokens):
    batch = [*real_texts(name)[:500], "[UNK] unk"]
    layer = keras.layers.TextVectorization(max_tokens, standardize=None)
    layer.adapt(batch)
    words = StandardTokenizer(standardize=None).tokenize(batch).words
    assert list(Vocabulary.fit(words, max_tokens).words) == layer.get_vocabulary()


@pytest.mark.parametrize("vocabulary", [None, Vocabulary.fit(["a", "b"])])
def test_saved_and_restored(vocabulary):
    tokenizer = StandardTokenizer("lower", "character", vocabulary, 12)
    assert from_dict(json.loads(json.dumps(tokenizer.to_dict()))) == tokenizer


def test_rules_that_the_layer_does_not_have_are_refused():
    with pytest.raises(UnknownNameError, match=r"`standardize`: .* 'lowr'\. Did you mean 'lower'"):
        StandardTokenizer(standardize="lowr")
    with pytest.raises(UnknownNameError, match=r"`split`: .* Valid names: 'character', 'whitespace'"):
        StandardTokenizer(split="words")
    with pytest.raises(InvalidInputError, match="`length` must be at least 1; got 0"):
        StandardTokenizer(length=0)
    with pytest.raises(InvalidInputError, match="`max_tokens` must be at least 3; got 2"):
        Vocabulary.fit(["a"], 2)
