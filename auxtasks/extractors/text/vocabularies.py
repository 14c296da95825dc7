"""Words by their numbers: the vocabulary of a model, the one that an argument stands for, and what its tokens write."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from auxtasks.columns import entries_of
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, wrong_type
from auxtasks.typing import Array
from auxtasks.validation import check_int, is_integer

PADDING, UNKNOWN = "", "[UNK]"


@dataclass(frozen=True)
class Vocabulary:
    """Words by their numbers, laid out as Keras's ``TextVectorization`` does by default."""

    words: tuple[str, ...]  # the word of every number
    padding: int | None = 0  # the number that stands for no token; None where there is none
    unknown: int | None = 1  # that of words that are not in the vocabulary; None where there is none
    special: frozenset[int] = field(default=frozenset({0, 1}))  # no words of a text, these two among them; no targets

    @classmethod
    def fit(cls, words: Iterable[str], max_tokens: int | None = None) -> Vocabulary:
        """Take the most frequent words, as ``TextVectorization.adapt`` does."""
        known = None if max_tokens is None else check_int("max_tokens", max_tokens, low=3) - 2
        counts = Counter(words)
        # A word spelled like one of the two is not learned: its number could not be told from theirs.
        learned = sorted(counts.keys() - {PADDING, UNKNOWN}, key=lambda word: (counts[word], word), reverse=True)
        return cls((PADDING, UNKNOWN, *learned[:known]))

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def ids(self, words: Sequence[str]) -> Array:
        """Return the numbers of words, shape (len(words),), int32; -1 for one that has none."""
        find, other = self.numbers.get, -1 if self.unknown is None else self.unknown
        return np.fromiter((find(word, other) for word in words), np.int32, len(words))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types; `from_dict` is the inverse."""
        words, special = list(self.words), sorted(self.special)
        return {"words": words, "padding": self.padding, "unknown": self.unknown, "special": special}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Vocabulary:
        return cls(tuple(fields["words"]), fields["padding"], fields["unknown"], frozenset(fields["special"]))


_ACCEPTED = "the tokens in the order of their ids, or a mapping of each token to its id"
_MARKER = re.compile(
    r"[\[<]\|?/?(?P<name>pad|padding|unk|unknown|oov|s|bos|eos|cls|sep|mask|start|end|unused\d*|endoftext)\|?[\]>]",
    re.I,
)
_PADDING, _UNKNOWN = {"", "pad", "padding"}, {"unk", "unknown", "oov"}
MOST_IDS = 10_000_000
"""So many tokens a vocabulary can have."""


def as_vocabulary(value: object) -> Vocabulary | None:
    if value is None or isinstance(value, Vocabulary):
        return value
    if isinstance(value, Mapping):
        return _vocabulary_of(_by_id(value))
    entries = entries_of(value)
    if isinstance(entries, np.ndarray):
        entries = entries.tolist()
    if not isinstance(entries, (list, tuple)):
        way_out = ""
        if hasattr(value, "get_vocabulary") or hasattr(value, "get_vocab"):
            way_out = " Pass the tokenizer or layer itself as `tokenizer`."
        elif callable(value):
            way_out = " For a function from an id to its token, pass [function(id) for id in range(number_of_ids)]."
        raise InvalidTypeError(f"{wrong_type('vocabulary', _ACCEPTED, value)}{way_out}")
    for number, token in enumerate(entries):
        if not isinstance(token, str):
            raise InvalidTypeError(
                f"`vocabulary` must be {_ACCEPTED}; entry {number} is {abbreviated(token)} of type "
                f"{type(token).__name__}."
            )
    return _vocabulary_of(tuple(map(str, entries)))


def _vocabulary_of(words: Sequence[str]) -> Vocabulary:
    vocabulary = marked(words)
    if len(vocabulary.special) == len(words):
        raise InvalidInputError(f"`vocabulary` holds no word, only {abbreviated(list(words))}; expected {_ACCEPTED}.")
    place: dict[str, int] = {}
    for number, word in enumerate(words):
        if number not in vocabulary.special and place.setdefault(word, number) != number:
            raise InvalidInputError(
                f"`vocabulary` has the token {word!r} twice, as {place[word]} and {number}; give each id a token of "
                "its own, and '' to ids that stand for none."
            )
    return vocabulary


def marked(words: Sequence[str], padding: int | None = None, special: Iterable[int] = ()) -> Vocabulary:
    """Make a vocabulary of the tokens in the order of their ids; what is no word is told by how it is written."""
    names = {number: name for number, word in enumerate(words) if (name := _marker(word)) is not None}
    if padding is None:
        padding = next((number for number, name in names.items() if name in _PADDING), None)
    unknown = next((number for number, name in names.items() if name in _UNKNOWN), None)
    known = {*names, *special} if padding is None else {*names, *special, padding}
    return Vocabulary(tuple(words), padding, unknown, frozenset(known))


def _marker(word: str) -> str | None:
    """Return what a token marks that is no word of a text: "" or "pad", "unk", "cls"; None for a word."""
    if not word:
        return ""
    found = _MARKER.fullmatch(word)
    return None if found is None else found["name"].lower()


def _by_id(ids: Mapping[Any, Any]) -> Sequence[str]:
    """Return the tokens of a mapping in the order of their ids, "" where an id has none."""
    for token, number in ids.items():
        if not isinstance(token, str) or not is_integer(number) or not 0 <= number < MOST_IDS:
            swap = " Swap the two: {token: id for id, token in vocabulary.items()}." if isinstance(number, str) else ""
            raise InvalidTypeError(
                f"`vocabulary` must map tokens to ids from 0 to {MOST_IDS:,}; got {abbreviated({token: number})}.{swap}"
            )
    words = [""] * (max(ids.values(), default=-1) + 1)
    for token, number in ids.items():
        if words[number]:
            raise InvalidInputError(
                f"`vocabulary` has two tokens for the id {number}, {words[number]!r} and {token!r}; each id has one."
            )
        words[number] = token
    return words


# Pieces of words are written in one of three ways.
_WORD_PIECE, _SENTENCE_PIECE, _BYTES = "##", "▁", "Ġ"


def pieces_of(vocabulary: Vocabulary) -> tuple[list[str], list[bool]]:
    """Return what each token writes, and whether a space stands before it; of markers only unknown words write."""
    words = ["" if n in vocabulary.special and n != vocabulary.unknown else w for n, w in enumerate(vocabulary.words)]
    mark = next((mark for mark in (_SENTENCE_PIECE, _BYTES) if any(word.startswith(mark) for word in words)), None)
    if mark is None:
        # A text may have the sign itself.
        apart = [len(word) <= 2 or not word.startswith(_WORD_PIECE) for word in words]
        return [word if alone else word[2:] for word, alone in zip(words, apart, strict=True)], apart
    apart = [word.startswith(mark) or number == vocabulary.unknown for number, word in enumerate(words)]
    pieces = [word.removeprefix(mark) for word in words]
    if mark == _BYTES:
        as_bytes = (bytes(_BYTE_OF.get(character, 0x3F) for character in piece) for piece in pieces)
        pieces = [piece.decode("utf-8", "ignore") for piece in as_bytes]
    return pieces, apart


# In a byte-level vocabulary: Radford et al. 2019 write each byte as a character that can be seen.
_SEEN = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_UNSEEN = [byte for byte in range(256) if byte not in _SEEN]
_BYTE_OF = {chr(byte): byte for byte in _SEEN} | {chr(256 + at): byte for at, byte in enumerate(_UNSEEN)}
