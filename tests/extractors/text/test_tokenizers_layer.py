"""TextVectorization layers: what is read off them, what they run themselves, and what is refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from shared_texts import real_texts

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.tokenizers.choose import as_tokenizer
from auxtasks.extractors.text.tokenizers.keras_layers import LayerTokenizer, is_text_vectorization
from auxtasks.extractors.text.tokenizers.standard import StandardTokenizer

TEXTS = ["The Cat, 42 dogs!", "", "a cat", "Über-dogs of 7"]


def adapted(**options):
    layer = keras.layers.TextVectorization(**options)
    layer.adapt(TEXTS)
    return layer


def lower_unicode(texts):
    return tf.strings.lower(texts, encoding="utf-8")


def split_at_commas(texts):
    return tf.strings.split(texts, ",")


def zeros_for_digits(texts):
    return tf.strings.regex_replace(texts, r"\d", "0")


def test_named_rules_need_no_tensorflow():
    layer = adapted(standardize="lower", split="character", output_sequence_length=5, ragged=True)
    tokenizer = as_tokenizer(layer)
    assert isinstance(tokenizer, StandardTokenizer)
    assert (tokenizer.standardize, tokenizer.split, tokenizer.length) == ("lower", "character", 5)
    assert list(tokenizer.vocabulary.words) == layer.get_vocabulary()
    assert {type(word) for word in tokenizer.vocabulary.words} == {str}


@pytest.mark.parametrize(
    ("options", "places"),
    [
        ({"standardize": lower_unicode}, ["The", "Cat,", "42", "dogs!", "a", "cat", "Über-dogs", "of", "7"]),
        ({"split": split_at_commas}, ["The Cat, 42 dogs", "a cat", "Über-dogs of 7"]),
        ({"standardize": None, "split": split_at_commas}, ["The Cat", " 42 dogs!", "a cat", "Über-dogs of 7"]),
        ({"standardize": lower_unicode, "split": None}, ["The Cat, 42 dogs!", "", "a cat", "Über-dogs of 7"]),
        (
            {"standardize": None, "split": lambda texts: tf.strings.split(texts).to_tensor("")},
            ["The", "Cat,", "42", "dogs!", "a", "cat", "Über-dogs", "of", "7"],
        ),
    ],
)
def test_rules_that_are_functions_are_run_by_the_layer(options, places):
    layer = adapted(**options)
    tokenizer = as_tokenizer(layer)
    assert isinstance(tokenizer, LayerTokenizer)
    assert tokenizer.to_dict() is None
    tokens = tokenizer.tokenize(TEXTS)
    ranges = zip(tokens.spans.row.tolist(), tokens.spans.starts.tolist(), tokens.spans.ends.tolist(), strict=True)
    assert [TEXTS[row][start:end] for row, start, end in ranges] == places
    expected = layer(np.array(TEXTS, object)[:, None]).numpy()
    padded = np.zeros_like(expected)
    padded[tokens.spans.row, tokens.spans.step] = tokens.ids
    np.testing.assert_array_equal(padded, expected)


def test_a_changed_word_has_no_place_and_is_told():
    tokenizer = as_tokenizer(adapted(standardize=zeros_for_digits))
    with pytest.warns(UserWarning, match=r"2 of 9 tokens are not in their texts.* '00' in `X\[0\]`"):
        tokens = tokenizer.tokenize(TEXTS)
    assert [word for word, end in zip(tokens.words, tokens.spans.ends, strict=True) if end == 0] == ["00", "0"]


def test_functions_and_names_give_the_same_on_real_texts():
    texts = real_texts("trec")
    layer = keras.layers.TextVectorization()
    layer.adapt(texts)
    named = as_tokenizer(layer).tokenize(texts)
    run = LayerTokenizer(layer, as_tokenizer(layer).vocabulary).tokenize(texts)
    assert run.words == named.words
    np.testing.assert_array_equal(run.ids, named.ids)
    same = (run.spans.starts == named.spans.starts) & (run.spans.ends == named.spans.ends)
    # Where punctuation was taken out of a word, its place is an alignment's, and may stop short.
    assert same.mean() > 0.99


def test_a_class_of_the_users_is_recognised_and_its_rules_are_run():
    class Renamed(keras.layers.TextVectorization):
        pass

    class Shouting(keras.layers.TextVectorization):
        def _preprocess(self, inputs):
            return tf.strings.split(tf.strings.upper(inputs))

    for cls, kind, word in ((Renamed, StandardTokenizer, "the"), (Shouting, LayerTokenizer, "THE")):
        layer = cls(vocabulary=["the", "THE"])
        assert is_text_vectorization(layer)
        tokenizer = as_tokenizer(layer)
        assert isinstance(tokenizer, kind)
        assert tokenizer.tokenize(["The"]).words == [word]


def test_a_restored_layer_gives_the_same():
    layer = adapted(output_sequence_length=4)
    restored = keras.layers.TextVectorization.from_config(layer.get_config())
    restored.set_vocabulary(layer.get_vocabulary())
    assert as_tokenizer(restored) == as_tokenizer(layer)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: keras.layers.TextVectorization(name="tv"), r"layer 'tv' has no vocabulary; call its adapt\(texts\)"),
        (lambda: adapted(output_mode="count", name="tv"), "layer 'tv' must have output_mode 'int'.*; got 'count'"),
        (
            lambda: adapted(ngrams=2, name="tv"),
            r"layer 'tv' makes n-grams \(ngrams=2\).* with ngrams=None",
        ),
        (
            lambda: keras.layers.TextVectorization(vocabulary=["a"], encoding="latin-1", name="tv"),
            "layer 'tv' must have the encoding 'utf-8'; got 'latin-1'",
        ),
    ],
)
def test_layers_that_do_not_number_single_words_are_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        as_tokenizer(make())


def test_functions_that_lose_texts_are_refused():
    layer = keras.layers.TextVectorization(split=lambda texts: tf.strings.split(texts)[:1], vocabulary=["a"], name="tv")
    with pytest.raises(InvalidInputError, match=r"functions of layer 'tv' must give one list .* for 2 texts they gave"):
        as_tokenizer(layer).tokenize(["a", "b"])
