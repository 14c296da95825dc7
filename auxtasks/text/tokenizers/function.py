"""The tokens of a function that the user wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.text.spans import Spans
from auxtasks.text.tokenizers.locate import NOWHERE, Place
from auxtasks.text.tokenizers.placing import placed
from auxtasks.text.tokens import Tokens
from auxtasks.text.vocabulary import Vocabulary

_EXPECTED = "a list of strings or of (start, end) pairs, one for each token"


@dataclass(frozen=True)
class FunctionTokenizer:
    """Cuts texts as a function does.

    Parameters
    ----------
    function : callable
        Takes a text; returns its tokens in their order: all of them as strings, or all as (start, end) pairs of
        places in the text, which are sorted, do not overlap, and are (0, 0) for a token that stands for nothing.

    Notes
    -----
    The places of strings are found by `auxtasks.text.tokenizers.locate.locate`; a token that is not in its text gets no
    target, and a warning tells how many there are. The word of a pair is what it spans.

    Examples
    --------
    >>> FunctionTokenizer(str.split).tokenize(["So it goes"]).spans.starts.tolist()
    [0, 3, 6]
    >>> FunctionTokenizer(lambda text: [(0, 2), (3, 5)]).tokenize(["So it goes"]).words
    ['So', 'it']
    """

    function: Callable[[str], Any]

    @property
    def vocabulary(self) -> Vocabulary | None:
        """None: a function has no vocabulary, so one is fitted."""
        return None

    @property
    def length(self) -> int | None:
        """None: a function neither pads nor cuts."""
        return None

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Cut texts into tokens; see `auxtasks.text.tokens.Tokenizer`.

        Parameters
        ----------
        texts : sequence of str
            The texts.

        Returns
        -------
        Tokens
            The tokens, without numbers.

        Raises
        ------
        InvalidTypeError
            If the function returns anything but a list of strings or of pairs of integers.
        InvalidInputError
            If a pair lies outside its text, is empty, or begins before the end of the one before it.
        """
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
        raise InvalidTypeError(
            f"`tokenizer` must return {_EXPECTED}; token {at} of `X[{row}]` is {item!r:.60} of type "
            f"{type(item).__name__}, and other tokens are strings."
        )
    # Subclasses, such as NumPy's strings, become plain strings.
    return str(item)


def _places(items: Sequence[Any], text: str, row: int) -> list[Place]:
    places, before = [], 0
    for at, item in enumerate(items):
        if not _is_pair(item):
            raise InvalidTypeError(
                f"`tokenizer` must return {_EXPECTED}; token {at} of `X[{row}]` is {item!r:.60} of type "
                f"{type(item).__name__}. Return the text of each token, or its first character and the one after its "
                "last as integers."
            )
        place = int(item[0]), int(item[1])
        if place != NOWHERE:
            _check_place(place, before, len(text), row, at)
            before = place[1]
        places.append(place)
    return places


def _is_pair(item: object) -> bool:
    is_row = isinstance(item, (tuple, list, np.ndarray)) and len(item) == 2
    return is_row and all(isinstance(end, Integral) and not isinstance(end, bool) for end in item)  # type: ignore[attr-defined]


def _check_place(place: Place, before: int, size: int, row: int, at: int) -> None:
    start, end = place
    if not 0 <= start < end <= size:
        raise InvalidInputError(
            f"`tokenizer` must return pairs with 0 <= start < end <= {size}, the length of `X[{row}]`; token {at} is "
            f"{place}. Use {NOWHERE} for a token that stands for nothing in the text."
        )
    if start < before:
        raise InvalidInputError(
            f"`tokenizer` must return pairs in the order of the text and without overlap; token {at} of `X[{row}]` is "
            f"{place}, and the one before it ends at {before}."
        )
