"""Tokens that a function gives: as strings or places, checked, and told of where they are not in the text."""

from __future__ import annotations

import re

import numpy as np
import pytest

from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError
from auxtasks.extractors.text.tokenizers.function import FunctionTokenizer


def test_strings_and_pairs_say_the_same():
    texts = ["So it goes.", "", "no more"]
    by_words = FunctionTokenizer(lambda text: re.findall(r"\w+", text)).tokenize(texts)
    by_pairs = FunctionTokenizer(lambda text: (match.span() for match in re.finditer(r"\w+", text))).tokenize(texts)
    by_arrays = FunctionTokenizer(
        lambda text: np.array([match.span() for match in re.finditer(r"\w+", text)], np.int64).reshape(-1, 2)
    ).tokenize(texts)
    for tokens in (by_words, by_pairs, by_arrays):
        assert tokens.words == ["So", "it", "goes", "no", "more"]
        assert tokens.spans.counts.tolist() == [3, 0, 2]
        assert tokens.spans.starts.tolist() == [0, 3, 6, 0, 3]
        assert tokens.spans.ends.tolist() == [2, 5, 10, 2, 7]
        assert tokens.ids is None


def test_a_pair_of_zeros_stands_for_nothing():
    tokens = FunctionTokenizer(lambda text: [(0, 0), (0, len(text)), (0, 0)]).tokenize(["so"])
    assert tokens.words == ["", "so", ""]
    assert tokens.spans.ends.tolist() == [0, 2, 0]


def test_tokens_that_are_not_in_their_texts_are_told_once():
    lemma = {"mice": "mouse", "went": "go"}
    tokenizer = FunctionTokenizer(lambda text: [lemma.get(word, word) for word in text.split(" ")])
    expected = r"2 of 5 tokens are not in their texts.* The first is 'mouse' in `X\[1\]`, 'the mice '"
    with pytest.warns(AuxTasksWarning, match=expected) as told:
        tokens = tokenizer.tokenize(["hello", "the mice ", "went"])
    assert len(told) == 1
    assert tokens.words == ["hello", "the", "mouse", "", "go"]
    assert tokens.spans.ends.tolist() == [5, 3, 0, 0, 0]


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        ("so it", InvalidTypeError, r"`tokenizer` must return a list .* for `X\[1\]` it returned 'so it' of type str"),
        (None, InvalidTypeError, r"for `X\[1\]` it returned None of type NoneType"),
        ({"so", "it"}, InvalidTypeError, r"for `X\[1\]` it returned .* of type set"),
        (["so", 1], InvalidTypeError, r"token 1 of `X\[1\]` is 1 of type int, and other tokens are strings"),
        ([(0, 1), "so"], InvalidTypeError, r"token 0 of `X\[1\]` is \(0, 1\) of type tuple, and other tokens are str"),
    ],
)
def test_results_that_are_no_tokens_are_refused(result, error, message):
    with pytest.raises(error, match=message):
        FunctionTokenizer(lambda text: result if text else ["x"]).tokenize(["", "so it goes"])


@pytest.mark.parametrize(
    ("pairs", "error", "message"),
    [
        ([(0, 2), 3], InvalidTypeError, r"token 1 of `X\[1\]` is 3 of type int\. Return the text of each token, or"),
        ([(0.0, 2.0)], InvalidTypeError, r"token 0 of `X\[1\]` is \(0\.0, 2\.0\) of type tuple"),
        ([(0, 1, 2)], InvalidTypeError, r"token 0 of `X\[1\]` is \(0, 1, 2\)"),
        ([(False, True)], InvalidTypeError, r"token 0 of `X\[1\]` is \(False, True\)"),
        ([(0, 11)], InvalidInputError, r"0 <= start < end <= 10, the length of `X\[1\]`; token 0 is \(0, 11\)"),
        ([(-1, 2)], InvalidInputError, r"token 0 is \(-1, 2\)"),
        ([(2, 2)], InvalidInputError, r"token 0 is \(2, 2\)\. Use \(0, 0\) for a token that has no place"),
        ([(0, 3), (0, 0), (2, 5)], InvalidInputError, r"token 2 of `X\[1\]` is \(2, 5\), and .* ends at 3"),
    ],
)
def test_pairs_that_are_no_places_are_refused(pairs, error, message):
    with pytest.raises(error, match=message):
        FunctionTokenizer(lambda text: pairs if text else []).tokenize(["", "so it goes"])
