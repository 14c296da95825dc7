"""The tokens of Keras's ``TextVectorization``, with their places in the text and without TensorFlow."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.extractors.text.spans import Spans, Tokens
from auxtasks.extractors.text.vocabularies import Vocabulary
from auxtasks.typing import Array
from auxtasks.validation import check_choice, check_int

SPLIT = ("whitespace", "character")

# Texts are joined and cut in blocks of about so many characters, which bounds the memory.
_BLOCK = 1 << 20


@dataclass(frozen=True)
class StandardTokenizer:
    """Cuts texts as ``TextVectorization`` does, exactly, and tells where the tokens lie.

    Punctuation leaves the text before it is split, so ``"a-b"`` is one token, ``"ab"``, and a single ``"-"`` is none. A
    token's place reaches from its first to its last character that is kept, so it may hold punctuation that was taken
    out between them. Without a split there is one token for each text; it has no place where nothing is kept. Source:
    Keras, ``keras.layers.TextVectorization``.
    """

    standardize: str | None = "lower_and_strip_punctuation"  # done to ASCII characters alone; one of `STANDARDIZE`
    split: str | None = "whitespace"  # at the six of ASCII; or "character", or None for whole texts
    vocabulary: Vocabulary | None = None  # None where one is to be fitted on the training texts
    length: int | None = None  # how many tokens the model pads or cuts a text to

    def __post_init__(self) -> None:
        if self.standardize is not None:
            check_choice("standardize", self.standardize, STANDARDIZE)
        if self.split is not None:
            check_choice("split", self.split, SPLIT)
        if self.length is not None:
            check_int("length", self.length, low=1)

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        cut = {"whitespace": self._words, "character": self._characters, None: self._wholes}[self.split]
        words: list[str] = []
        parts: list[Array] = [np.zeros((3, 0), np.int64)]
        counts: list[Array] = [np.zeros(0, np.int64)]
        for block in _blocks(texts):
            # The line break after each text keeps tokens of neighbours apart.
            joined = "\n".join(block) + "\n"
            sizes = np.fromiter(map(len, block), np.int64, len(block)) + 1
            found, starts, ends = cut(joined, sizes)
            begins = np.concatenate([[0], np.cumsum(sizes)])
            row = np.searchsorted(begins, starts, side="right") - 1
            # An empty range stands for no place, which is written as 0, 0.
            placed = ends > starts
            words += found
            parts.append(np.stack([row, (starts - begins[row]) * placed, (ends - begins[row]) * placed]))
            counts.append(np.bincount(row, minlength=len(block)))
        _, starts, ends = np.concatenate(parts, axis=1)
        spans = Spans(np.concatenate(counts), starts.astype(np.int32), ends.astype(np.int32))
        return Tokens(spans, words, None if self.vocabulary is None else self.vocabulary.ids(words))

    def to_dict(self) -> dict[str, Any]:
        """Describe it as plain JSON types; `from_dict` is the inverse."""
        known = None if self.vocabulary is None else self.vocabulary.to_dict()
        rules = {"standardize": self.standardize, "split": self.split}
        return {"kind": "standard", **rules, "vocabulary": known, "length": self.length}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> StandardTokenizer:
        known = fields["vocabulary"]
        vocabulary = None if known is None else Vocabulary.from_dict(known)
        return cls(fields["standardize"], fields["split"], vocabulary, fields["length"])

    def _kept(self, joined: str) -> tuple[Array, Array]:
        """Return the places of the characters that are kept, and their kinds."""
        kind = kinds(joined)
        if self.standardize is None or "punctuation" not in self.standardize:
            return np.arange(len(kind)), kind
        kept = np.flatnonzero(kind != PUNCTUATION)
        return kept, kind[kept]

    def _words(self, joined: str, _: Array) -> tuple[list[str], Array, Array]:
        kept, kind = self._kept(joined)
        # Runs of what is no whitespace begin and end where this changes; the last character is a line break.
        changes = np.flatnonzero(np.diff(kind != SPACE, prepend=False))
        return split_at_spaces(standardized(joined, self.standardize)), kept[changes[::2]], kept[changes[1::2] - 1] + 1

    def _characters(self, joined: str, sizes: Array) -> tuple[list[str], Array, Array]:
        kept, _ = self._kept(joined)
        own = ~np.isin(kept, np.cumsum(sizes) - 1, assume_unique=True)
        characters = np.array(list(standardized(joined, self.standardize)), object)
        return characters[own].tolist(), kept[own], kept[own] + 1

    def _wholes(self, joined: str, sizes: Array) -> tuple[list[str], Array, Array]:
        kept, _ = self._kept(joined)
        ends = np.cumsum(sizes)
        # The line break after each text is always kept: it is the last of its text.
        last = np.searchsorted(kept, ends - 1)
        first = np.concatenate([[0], last[:-1] + 1])
        standard, begins = standardized(joined, self.standardize), first.tolist()
        words = [standard[begin:end] for begin, end in zip(begins, last.tolist(), strict=True)]
        empty = first == last
        starts = np.where(empty, ends - sizes, kept[first])
        return words, starts, np.where(empty, starts, kept[last - 1] + 1)


def _blocks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut texts into consecutive runs of about `_BLOCK` characters."""
    start = size = 0
    for at, text in enumerate(texts):
        size += len(text) + 1
        if size >= _BLOCK:
            yield texts[start : at + 1]
            start, size = at + 1, 0
    if start < len(texts):
        yield texts[start:]


STANDARDIZE = ("lower", "strip_punctuation", "lower_and_strip_punctuation")
"""The names of its rules for standardizing."""

# `tf.strings.split` takes these six for whitespace, and not those that Unicode adds, such as the no-break space.
_SPACE = b" \t\n\v\f\r"
_PUNCTUATION = string.punctuation.encode()
_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())

WORD, SPACE, PUNCTUATION = 0, 1, 2
_KINDS = np.zeros(129, np.uint8)
_KINDS[list(_SPACE)] = SPACE
_KINDS[list(_PUNCTUATION)] = PUNCTUATION


def standardized(text: str, rule: str | None) -> str:
    r"""Apply one of the layer's rules to a text.

    The bytes of UTF-8 below 128 are the ASCII characters and nothing else, so bytes can be replaced and left out
    without harm to other characters. Source: Keras, ``TextVectorization``, which calls ``tf.strings.lower`` and
    ``tf.strings.regex_replace``.
    """
    if rule is None:
        return text
    table = _LOWER if "lower" in rule else None
    return text.encode().translate(table, _PUNCTUATION if "punctuation" in rule else b"").decode()


def kinds(text: str) -> Array:
    if text.isascii():
        codes = np.frombuffer(text.encode(), np.uint8)
    else:
        codes = np.minimum(np.frombuffer(text.encode("utf-32-le"), "<u4"), 128)
    return _KINDS[codes]


def split_at_spaces(text: str) -> list[str]:
    r"""Split a text as ``tf.strings.split`` does."""
    # `str.split()` would split at Unicode's whitespace too, and decoding every word of bytes costs more than this.
    one_kind = text.encode().translate(bytes.maketrans(_SPACE, b" " * len(_SPACE))).decode()
    return list(filter(None, one_kind.split(" ")))
