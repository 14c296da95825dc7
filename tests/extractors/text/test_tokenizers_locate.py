"""Tokens found in their texts, also where they were changed or words were left out."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_texts import AWKWARD, gold_tokens, real_texts

from auxtasks.extractors.text.tokenizers.function import NOWHERE, locate

any_text = st.text(st.sampled_from(AWKWARD) | st.characters(exclude_categories=["Cs"]), max_size=60)


@given(text=any_text)
def test_what_a_text_is_split_into_is_found_where_it_was(text):
    matches = list(re.finditer(r"\w+|[^\w\s]", text))
    assert locate(text, [match.group() for match in matches]) == [match.span() for match in matches]


@given(text=any_text, tokens=st.lists(any_text, max_size=8))
def test_places_are_in_order_and_within_the_text_whatever_is_sought(text, tokens):
    places = locate(text, tokens)
    found = [place for place in places if place != NOWHERE]
    assert len(places) == len(tokens)
    assert all(start < end for start, end in found)
    assert [bound for place in found for bound in place] == sorted(bound for place in found for bound in place)
    assert all(0 <= start < end <= len(text) for start, end in found)


@pytest.mark.parametrize(
    ("text", "tokens", "expected"),
    [
        # One strange token does not derail the rest, wherever it stands.
        ("The mice ran home.", ["zzz", "mice", "ran", "home", "."], ["", "mice", "ran", "home", "."]),
        ("The mice ran home.", ["the", "zzz", "ran", "home", "."], ["The", "", "ran", "home", "."]),
        ("The mice ran home.", ["the", "mice", "ran", "home", "zzz"], ["The", "mice", "ran", "home", ""]),
        # A word that was left out is not sought within another.
        ("inside it is in", ["it", "is", "in"], ["it", "is", "in"]),
        ("a cat in a hat", ["cat", "hat"], ["cat", "hat"]),
        ("inside in", ["in"], ["in"]),
        # Shortened, without accents, joined, with the mark of a word piece.
        ("running fast", ["run", "fast"], ["run", "fast"]),
        ("so naïve!", ["so", "naive", "!"], ["so", "naïve", "!"]),
        ("New York is", ["new_york", "is"], ["New York", "is"]),
        ("playing cards", ["play", "##ing", "Ġcard", "##s"], ["play", "ing", "card", "s"]),
        ("Playing on", ["▁play", "ing", "▁on"], ["Play", "ing", "on"]),
        # Marks that the text itself holds.
        ("a ##b Ġ c", ["a", "##b", "Ġ", "c"], ["a", "##b", "Ġ", "c"]),
        # Case changes the length of no place.
        ("İİİ x İ", ["iii", "x", "i"], ["İİİ", "x", "İ"]),
        ("ΟΔΟΣ x", ["οδος", "x"], ["ΟΔΟΣ", "x"]),
        ("a b", ["a", "", "b"], ["a", "", "b"]),
        ("", ["a"], [""]),
    ],
)
def test_places_of_changed_tokens(text, tokens, expected):
    assert [text[start:end] for start, end in locate(text, tokens)] == expected


def test_lower_case_has_another_length_for_one_character_only():
    # `locate` relies on this to find places in a text in lower case.
    assert [chr(code) for code in range(sys.maxunicode + 1) if len(chr(code).lower()) != 1] == ["İ"]


def test_a_stretch_too_long_to_compare_letter_by_letter_has_no_places():
    text = "abcdefgh" * 200
    assert locate(f"so {text} it goes", ["so", *["hgfedcba"] * 200, "it", "goes"])[:2] == [(0, 2), NOWHERE]


def test_annotators_tokens_are_found_and_stay_found_among_strange_ones():
    texts, lists = real_texts("ud_ewt")[:500], gold_tokens()[:500]
    noise, wrong, total = np.random.default_rng(0), 0, 0
    for text, tokens in zip(texts, lists, strict=True):
        places = locate(text, tokens)
        assert [text[start:end] for start, end in places] == tokens
        strange = [noise.random() < 0.15 for _ in tokens]
        changed = ["\x00" if odd else token.lower() for odd, token in zip(strange, tokens, strict=True)]
        expected = [NOWHERE if odd else place for odd, place in zip(strange, places, strict=True)]
        wrong += sum(found != place for found, place in zip(locate(text, changed), expected, strict=True))
        total += len(tokens)
    assert wrong / total < 0.001
