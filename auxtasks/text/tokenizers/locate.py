"""Finding the places in a text of tokens that a tokenizer gave as mere strings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

Place = tuple[int, int]

NOWHERE: Place = (0, 0)
"""The place of a token that is not in the text."""

_LETTER = re.compile(r"[^\W_]")
_WORD = re.compile(r"\w+|[^\w\s]")

# Letter by letter, stretches are compared up to this product of their lengths: some 0.2 s in the worst case.
_LARGEST = 200_000


def locate(text: str, tokens: Sequence[str]) -> list[Place]:
    """Find where tokens lie in a text.

    Parameters
    ----------
    text : str
        The text.
    tokens : sequence of str
        Its tokens in the order of the text, as they are or changed: in lower case, shortened, normalised, or with the
        mark of a word piece (``##``, ``▁``, ``Ġ``). Words of the text may be left out.

    Returns
    -------
    list of (int, int)
        For each token its first character and the one after its last, in ascending order and without overlap;
        (0, 0) for a token that is not in the text.

    Notes
    -----
    Tokens are sought one after the other, as they are, then without regard to case. Where this would pass over letters
    or digits, or end within a word, the words of the text and the tokens are aligned by their longest common runs, and
    what lies between those runs letter by letter in the same way. A token then has a place if more than half of its
    letters and digits are found, within twice its length. Source: Ratcliff and Metzener (1988), "Pattern Matching: The
    Gestalt Approach", as in `difflib.SequenceMatcher`.

    Examples
    --------
    >>> locate("The mice ran home.", ["the", "mouse", "ran", "home", "."])
    [(0, 3), (0, 0), (9, 12), (13, 17), (17, 18)]
    """
    places = _walk(text, tokens)
    if places is None:
        folded, bare = _fold(text), [_fold(_unmarked(token)) for token in tokens]
        places = _walk(folded, bare)
        if places is None:
            places = _align_words(folded, bare)
    return places


def _fold(text: str) -> str:
    # The only character whose lower case is of another length, and would shift all places after it.
    return text.replace("İ", "i").lower()


def _unmarked(token: str) -> str:
    return token.removeprefix("##").lstrip("▁Ġ") or token


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
    """Align the words of a text with tokens, and the letters of what differs."""
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
    """Align a stretch of a text with tokens, letter by letter."""
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
