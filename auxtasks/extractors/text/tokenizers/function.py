"""The tokens of a function that the user wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from difflib import SequenceMatcher
from numbers import Integral
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError, warn_user
from auxtasks.extractors.text.spans import Spans, Tokens
from auxtasks.extractors.text.vocabularies import Vocabulary

_EXPECTED = "a list of strings or of (start, end) pairs, one for each token"
Place = tuple[int, int]
NOWHERE: Place = (0, 0)
"""The place of a token that is not in the text."""


@dataclass(frozen=True)
class FunctionTokenizer:
    """Cuts texts as a function does.

    It takes a text and returns its tokens in their order: all of them as strings, or all as (start, end) pairs of
    places in the text, which are sorted, do not overlap, and are (0, 0) for a token that stands for nothing. The places
    of strings are found by `auxtasks.extractors.text.tokenizers.function.locate`; a token that is not in its text gets
    no target, and a warning tells how many there are. The word of a pair is what it spans.
    """

    function: Callable[[str], Any]
    # A vocabulary is fitted, and nothing is padded or cut.
    vocabulary: Vocabulary | None = None
    length: int | None = None

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        results = [_items(self.function(text), row) for row, text in enumerate(texts)]
        first = next((items[0] for items in results if items), "")
        if isinstance(first, str):
            lists = [[_string(item, row, at) for at, item in enumerate(items)] for row, items in enumerate(results)]
            return Tokens(placed(texts, lists), [token for tokens in lists for token in tokens])
        ranges = [_places(items, text, row) for row, (items, text) in enumerate(zip(results, texts, strict=True))]
        words = [text[a:b] for text, places in zip(texts, ranges, strict=True) for a, b in places]
        return Tokens(Spans.of(ranges), words)

    def to_dict(self) -> dict[str, Any] | None:
        """Return None: a function cannot be described as plain JSON types."""
        return None


def _items(result: object, row: int) -> list[Any]:
    # A dict or a set has no order to rely on, and a string would pass for a list of its characters.
    if isinstance(result, (str, bytes, Mapping, Set)) or not isinstance(result, Iterable):
        raise InvalidTypeError(
            f"`tokenizer` must return {_EXPECTED}; for `X[{row}]` it returned {result!r:.60} of type "
            f"{type(result).__name__}."
        )
    return list(result)


def _string(item: object, row: int, at: int) -> str:
    if not isinstance(item, str):
        raise _wrong(item, row, at, ", and other tokens are strings.")
    # Subclasses, such as NumPy's strings, become plain strings.
    return str(item)


def _wrong(item: object, row: int, at: int, more: str) -> InvalidTypeError:
    found = f"token {at} of `X[{row}]` is {item!r:.60} of type {type(item).__name__}"
    return InvalidTypeError(f"`tokenizer` must return {_EXPECTED}; {found}{more}")


def _places(items: Sequence[Any], text: str, row: int) -> list[Place]:
    places, before = [], 0
    for at, item in enumerate(items):
        if not _is_pair(item):
            way_out = "Return the text of each token, or its first character and the one after its last as integers."
            raise _wrong(item, row, at, f". {way_out}")
        start, end = place = int(item[0]), int(item[1])
        places.append(place)
        if place == NOWHERE:
            continue
        if not 0 <= start < end <= len(text):
            raise InvalidInputError(
                f"`tokenizer` must return pairs with 0 <= start < end <= {len(text)}, the length of `X[{row}]`; token "
                f"{at} is {place}. Use {NOWHERE} for a token that has no place in the text."
            )
        if start < before:
            raise InvalidInputError(
                f"`tokenizer` must return pairs in the order of the text and without overlap; token {at} of `X[{row}]` "
                f"is {place}, and the one before it ends at {before}."
            )
        before = end
    return places


def _is_pair(item: object) -> bool:
    is_row = isinstance(item, (tuple, list, np.ndarray)) and len(item) == 2
    return is_row and all(isinstance(end, Integral) and not isinstance(end, bool) for end in item)  # type: ignore[attr-defined]


_LETTER = re.compile(r"[^\W_]")
_WORD = re.compile(r"\w+|[^\w\s]")

# Letter by letter, stretches are compared up to this product of their lengths: some 0.2 s in the worst case.
_LARGEST = 200_000


def locate(text: str, tokens: Sequence[str]) -> list[Place]:
    """Find where tokens lie in a text.

    Tokens are sought one after the other, as they are, then without regard to case. Where this would pass over letters
    or digits, or end within a word, the words of the text and the tokens are aligned by their longest common runs, and
    what lies between those runs letter by letter in the same way. A token then has a place if more than half of its
    letters and digits are found, within twice its length. Source: Ratcliff and Metzener (1988), "Pattern Matching: The
    Gestalt Approach", as in `difflib.SequenceMatcher`.
    """
    places = _walk(text, tokens)
    if places is None:
        unmarked = [token.removeprefix("##").lstrip("▁Ġ") or token for token in tokens]
        folded, bare = _fold(text), list(map(_fold, unmarked))
        places = _walk(folded, bare)
        if places is None:
            places = _align_words(folded, bare)
    return places


def _fold(text: str) -> str:
    # The only character whose lower case is of another length, and would shift all places after it.
    return text.replace("İ", "i").lower()


def _walk(text: str, tokens: Sequence[str]) -> list[Place] | None:
    """Find tokens one after the other; None if letters or digits lie between them or a word is left half done."""
    places, cursor = [], 0
    for token in tokens:
        start = text.find(token, cursor)
        if start < 0 or (start > cursor and _LETTER.search(text, cursor, start)):
            return None
        if token:
            cursor = start + len(token)
        places.append((start, cursor) if token else NOWHERE)
    within_word = 0 < cursor < len(text) and _LETTER.match(text, cursor - 1) and _LETTER.match(text, cursor)
    return None if within_word else places


def _align_words(text: str, tokens: Sequence[str]) -> list[Place]:
    words = [match.span() for match in _WORD.finditer(text)]
    places = [NOWHERE] * len(tokens)
    matcher = SequenceMatcher(None, [text[start:end] for start, end in words], tokens, autojunk=False)
    for change, word, beyond_word, token, beyond_token in matcher.get_opcodes():
        if change == "equal":
            places[token:beyond_token] = words[word:beyond_word]
        elif change == "replace":
            start, end = words[word][0], words[beyond_word - 1][1]
            places[token:beyond_token] = _align_letters(text, start, end, tokens[token:beyond_token])
    return places


def _align_letters(text: str, start: int, end: int, tokens: Sequence[str]) -> list[Place]:
    # Spaces between the tokens let them match at the borders of words.
    joined = " ".join(tokens)
    if (end - start) * len(joined) > _LARGEST:
        return [NOWHERE] * len(tokens)
    partner = [-1] * len(joined)
    for block in SequenceMatcher(None, text[start:end], joined, autojunk=False).get_matching_blocks():
        partner[block.b : block.b + block.size] = range(start + block.a, start + block.a + block.size)
    places, at = [], 0
    for token in tokens:
        places.append(_place(token, partner[at : at + len(token)]))
        at += len(token) + 1
    return places


def _place(token: str, partner: Sequence[int]) -> Place:
    """Return the place of a token whose characters match those at `partner`, -1 where there is none."""
    counted = [bool(_LETTER.match(character)) for character in token]
    if not any(counted):
        counted = [True] * len(token)
    letters = [at for at, counts in zip(partner, counted, strict=True) if counts and at >= 0]
    if 2 * len(letters) <= sum(counted):
        return NOWHERE
    # A mark may have been found far away from the letters, which then say more.
    for found in ([at for at in partner if at >= 0], letters):
        if found[-1] + 1 - found[0] <= 2 * len(token):
            return found[0], found[-1] + 1
    return NOWHERE


def placed(texts: Sequence[str], lists: Sequence[Sequence[str]]) -> Spans:
    ranges = [locate(text, tokens) for text, tokens in zip(texts, lists, strict=True)]
    # An empty token is padding, and nobody expects to find it.
    lost = [
        (row, token)
        for row, (tokens, places) in enumerate(zip(lists, ranges, strict=True))
        if NOWHERE in places
        for token, place in zip(tokens, places, strict=True)
        if token and place == NOWHERE
    ]
    if lost:
        row, token = lost[0]
        warn_user(
            f"`tokenizer`: {len(lost)} of {sum(map(len, lists))} tokens are not in their texts and get no targets. "
            f"The first is {token!r} in `X[{row}]`, {texts[row]!r:.80}. A function may return (start, end) pairs "
            "instead of strings, to give the places of the tokens."
        )
    return Spans.of(ranges)
