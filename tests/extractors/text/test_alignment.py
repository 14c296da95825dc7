"""Alignment by characters: the stated rule, against a loop that follows it literally."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auxtasks.extractors.text.spans import Spans, align


def cut(widths_and_gaps):
    """Make sorted ranges without overlap from widths and the gaps before them."""
    ranges, at = [], 0
    for gap, width in widths_and_gaps:
        ranges.append((at + gap, at + gap + width))
        at += gap + width
    return ranges


tagged_texts = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), max_size=6).map(cut)
free_ranges = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 9)).map(lambda p: (p[0], p[0] + p[1])), max_size=6)


def by_the_rule(token, tagged):
    shares = [min(token[1], end) - max(token[0], start) for start, end in tagged]
    best = max(shares, default=0)
    return shares.index(best) if best > 0 else None


@given(st.lists(st.tuples(free_ranges, tagged_texts), min_size=1, max_size=4))
def test_a_token_follows_the_first_of_the_tagged_tokens_it_shares_most_with(texts):
    owner = align(Spans.of([tokens for tokens, _ in texts]), Spans.of([tagged for _, tagged in texts]))
    expected, base = [], 0
    for tokens, tagged in texts:
        found = [by_the_rule(token, tagged) for token in tokens]
        expected += [-1 if place is None else base + place for place in found]
        base += len(tagged)
    assert owner.tolist() == expected


@given(st.lists(tagged_texts, min_size=1, max_size=4))
def test_tokens_cut_alike_follow_themselves(texts):
    spans = Spans.of(texts)
    assert np.array_equal(align(spans, spans), np.arange(len(spans.starts)))


@pytest.mark.parametrize(
    ("tokens", "tagged", "expected"),
    [
        ([(0, 4), (4, 7)], [(0, 7)], [0, 0]),  # the pieces of one tagged word
        ([(0, 5)], [(0, 2), (2, 5)], [1]),  # "don't" as "do" and "n't"
        ([(0, 4)], [(0, 2), (2, 4)], [0]),  # a tie goes to the first
        ([(0, 0)], [(0, 3)], [-1]),  # a marker without characters
        ([(3, 4)], [(0, 3), (4, 6)], [-1]),  # between two tagged tokens
    ],
)
def test_cases_of_the_rule(tokens, tagged, expected):
    assert align(Spans.of([tokens]), Spans.of([tagged])).tolist() == expected
