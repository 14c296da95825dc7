"""The words a model knows, and their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from auxtasks.typing import Array
from auxtasks.validation import check_int

PADDING, UNKNOWN = "", "[UNK]"


@dataclass(frozen=True)
class Vocabulary:
    """Words by their numbers, laid out as Keras's ``TextVectorization`` does by default.

    Parameters
    ----------
    words : tuple of str
        The word of every number.
    padding : int
        The number that stands for no token.
    unknown : int or None
        The number of words that are not in the vocabulary; None where there is no such word.
    special : frozenset of int
        Numbers that stand for no word of a text, padding and unknown among them; never a target.

    Examples
    --------
    >>> vocabulary = Vocabulary.fit(["b", "a", "b"], max_tokens=3)
    >>> vocabulary.words, vocabulary.ids(["a", "b"]).tolist()
    (('', '[UNK]', 'b'), [1, 2])
    """

    words: tuple[str, ...]
    padding: int = 0
    unknown: int | None = 1
    special: frozenset[int] = field(default=frozenset({0, 1}))

    @classmethod
    def fit(cls, words: Iterable[str], max_tokens: int | None = None) -> Vocabulary:
        """Take the most frequent words, as ``TextVectorization.adapt`` does.

        Parameters
        ----------
        words : iterable of str
            The words of the training texts, repeated as often as they occur.
        max_tokens : int, optional
            The largest size, padding and unknown among it; at least 3, so that there is a word.

        Returns
        -------
        Vocabulary
            The words from the most to the least frequent. Words of equal frequency are in descending order, which is
            Keras's order; so the numbers are those of a layer that is adapted on the same texts.

        Raises
        ------
        InvalidInputError, InvalidTypeError
            If `max_tokens` is no integer from 3.
        """
        known = None if max_tokens is None else check_int("max_tokens", max_tokens, low=3) - 2
        counts = Counter(words)
        # A word spelled like one of the two is not learned: its number could not be told from theirs.
        learned = sorted(counts.keys() - {PADDING, UNKNOWN}, key=lambda word: (counts[word], word), reverse=True)
        return cls((PADDING, UNKNOWN, *learned[:known]))

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of every word."""
        return {word: number for number, word in enumerate(self.words)}

    def ids(self, words: Sequence[str]) -> Array:
        """Return the numbers of words, shape (len(words),), int32; -1 for one that has none."""
        find, other = self.numbers.get, -1 if self.unknown is None else self.unknown
        return np.fromiter((find(word, other) for word in words), np.int32, len(words))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types; `from_dict` is the inverse."""
        return {
            "words": list(self.words),
            "padding": self.padding,
            "unknown": self.unknown,
            "special": sorted(self.special),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Vocabulary:
        """Make what `to_dict` described."""
        return cls(tuple(fields["words"]), fields["padding"], fields["unknown"], frozenset(fields["special"]))
