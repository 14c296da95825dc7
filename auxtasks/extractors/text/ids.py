"""Texts that are given as the ids of their tokens, which the model reads as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.columns import entries_of
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, warn_user
from auxtasks.extractors.text.documents import Documents, FittedTexts, Words
from auxtasks.extractors.text.spans import Spans
from auxtasks.extractors.text.vocabularies import MOST_IDS, Vocabulary, pieces_of
from auxtasks.typing import Array


@dataclass(frozen=True)
class Ids:
    """The ids of the tokens of n texts."""

    flat: Array  # end to end, without the padding around a text where they come as one array; int64
    counts: Array  # how many each text has
    rows: Array | None = None  # the array as it was given, (n, steps)
    first_step: Array | None = None  # where each text begins in it

    def place(self, at: int) -> str:
        """Name the id of a number among all."""
        row = int(np.searchsorted(np.cumsum(self.counts), at, side="right"))
        step = at - int(self.counts[:row].sum()) + (0 if self.first_step is None else int(self.first_step[row]))
        return f"`X[{row}][{step}]`"


def ids_in(X: Any) -> Array | Sequence[Any] | None:
    """Return the ids that are given in place of texts, as an array or as lists; None if X holds no numbers."""
    known = [name for name in ("token_ids", "input_ids") if isinstance(X, Mapping) and name in X]
    if known:
        raise InvalidTypeError(
            f"`X` is a mapping; for domain 'text' pass X[{known[0]!r}], with the tokenizer that gave these ids as "
            "`tokenizer`. The mapping is what the model reads: pass it to attach_heads as `samples`, and to fit as x."
        )
    if not isinstance(X, np.ndarray) and hasattr(X, "numpy") and hasattr(X, "shape"):
        X = X.to_list() if hasattr(X, "row_splits") else X.numpy()
    X = entries_of(X)
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = X.tolist()
    if isinstance(X, np.ndarray):
        return X if X.dtype.kind in "iufb" else None
    if not isinstance(X, (list, tuple)):
        return None
    rows = [row.tolist() if isinstance(row, np.ndarray) else row for row in X]
    first = next((row[0] for row in rows if isinstance(row, (list, tuple)) and len(row)), None)
    return rows if isinstance(first, (int, float, np.number)) else None


def read_ids(
    X: Array | Sequence[Any],
    vocabulary: Vocabulary | None,
    length: int | None,
    padding: str,
    fitted: FittedTexts | None,
) -> Documents:
    """Read ids as texts of the words that they stand for; without a vocabulary these are the numbers themselves."""
    array, steps = _as_array(X, fitted), length if fitted is None else fitted.length
    if array is not None and steps is not None:
        _check_steps(array, steps, fitted)
    words: Words = "none" if vocabulary is None else "known"
    if fitted is not None:
        vocabulary = fitted.vocabulary
    elif vocabulary is None:
        vocabulary = _numbers(X if array is None else array)
    ids = _of_lists(X) if array is None else _of_array(array, vocabulary.padding)
    if fitted is None:
        if not len(ids.flat):
            raise InvalidInputError("`X`: no text has a token, so there is nothing to learn from; check the ids.")
        longest = int(ids.counts.max()) if array is None else array.shape[1]
        fitted = FittedTexts(vocabulary, steps or longest, words)
    flat = _checked(ids, fitted)
    _warn_of_padding(array, vocabulary)
    texts, spans, given = _as_texts(flat, ids.counts, vocabulary)
    return Documents(
        texts=texts,
        spans=spans,
        ids=flat,
        fitted=fitted,
        padding=padding,
        given=given,
        rows=ids.rows,
        first_step=ids.first_step,
        of_ids=True,
    )


def _as_array(X: Array | Sequence[Any], fitted: FittedTexts | None) -> Array | None:
    """Return ids as one array, if all texts have as many; None for lists of different lengths."""
    if isinstance(X, np.ndarray):
        array = X
    else:
        sizes = {len(row) if isinstance(row, (list, tuple)) else -1 for row in X}
        if len(sizes) > 1 or not (fitted is None or fitted.length in sizes):
            return None
        array = np.array(X)
    if array.ndim != 2 or not array.size:
        raise InvalidInputError(
            f"`X` holds numbers of the shape {array.shape}; for domain 'text' pass the ids of tokens as (n, steps), or "
            "a list of lists of ids, and texts as strings."
        )
    _check_whole(array.dtype)
    return array


def _check_whole(dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "iu":
        raise InvalidTypeError(
            f"`X` holds numbers of dtype {dtype}; ids of tokens are integers. Pass X.astype('int32') if these are ids, "
            "or choose the domain of the inputs: 'signal', 'image', 'video' or 'any'."
        )


def _check_steps(array: Array, length: int, fitted: FittedTexts | None) -> None:
    if array.shape[1] == length:
        return
    if fitted is None:
        raise InvalidInputError(
            f"`max_length` is {length}, but `X` holds {array.shape[1]} ids for each text, which are not changed; omit "
            "`max_length`, and cut or pad the ids yourself."
        )
    raise InvalidInputError(
        f"`X` holds {array.shape[1]} ids for each text, but the training texts had {length}; pad or cut them alike, "
        f"as by keras.utils.pad_sequences(X, maxlen={length})."
    )


def _of_array(array: Array, padding: int | None) -> Ids:
    """Read the ids of an array, from the first to the last of a text that is no padding."""
    steps = array.shape[1]
    real = np.ones(array.shape, bool) if padding is None else array != padding
    filled = real.any(axis=1)
    first = np.where(filled, real.argmax(axis=1), 0)
    counts = np.where(filled, steps - real[:, ::-1].argmax(axis=1) - first, 0)
    within = np.arange(steps)
    read = (within >= first[:, None]) & (within < (first + counts)[:, None])
    return Ids(array[read].astype(np.int64), counts, array, first)


def _of_lists(rows: Array | Sequence[Any]) -> Ids:
    for row, ids in enumerate(rows):
        if not isinstance(ids, (list, tuple)):
            raise InvalidTypeError(
                f"`X[{row}]` is {abbreviated(ids)} of type {type(ids).__name__}, and other texts are lists of ids; "
                "pass all texts in one form."
            )
        if len(ids):
            _check_whole(np.asarray(ids).dtype)
    counts = np.fromiter(map(len, rows), np.int64, len(rows))
    return Ids(np.fromiter((number for ids in rows for number in ids), np.int64, int(counts.sum())), counts)


def _numbers(X: Array | Sequence[Any]) -> Vocabulary:
    """Make a vocabulary of numbers that stand for themselves; 0 is padding, as in Keras."""
    largest = X.max() if isinstance(X, np.ndarray) else max((max(row, default=0) for row in X), default=0)
    size = int(largest) + 1
    if not 0 < size <= MOST_IDS:
        raise InvalidInputError(f"`X` holds the id {size - 1}; expected ids from 0 to {MOST_IDS - 1:,}.")
    return Vocabulary(("", *map(str, range(1, size))), padding=0, unknown=None, special=frozenset({0}))


def _checked(ids: Ids, fitted: FittedTexts) -> Array:
    """Return ids that the vocabulary has; without one, such as training did not have become -1."""
    size = len(fitted.vocabulary.words)
    if (ids.flat < 0).any():
        at = int(np.argmax(ids.flat < 0))
        raise InvalidInputError(f"{ids.place(at)} is the id {ids.flat[at]}; ids of tokens are 0 or more.")
    beyond = ids.flat >= size
    if not beyond.any():
        return ids.flat.astype(np.int32)
    if fitted.words == "none":
        return np.where(beyond, -1, ids.flat).astype(np.int32)
    at = int(np.argmax(beyond))
    unknown = fitted.vocabulary.unknown
    other = "" if unknown is None else f", or replace ids that it lacks by {unknown}, which stands for unknown words"
    raise InvalidInputError(
        f"{ids.place(at)} is the id {ids.flat[at]}, and the vocabulary has {size} tokens, 0 to {size - 1}. Pass the "
        f"vocabulary that gave these ids{other}."
    )


def _warn_of_padding(array: Array | None, vocabulary: Vocabulary) -> None:
    """Tell of zeros that look like padding where the vocabulary has a word for 0: every word would be another."""
    if array is None or array.shape[1] < 3 or 0 in vocabulary.special:
        return
    zeros = ((array[:, :3] == 0).all(axis=1) | (array[:, -3:] == 0).all(axis=1)).mean()
    if zeros > 0.25:
        warn_user(
            f"`vocabulary` has the token {vocabulary.words[0]!r} for the id 0, but {zeros:.0%} of the texts begin or "
            "end with 0, as if it were padding. If it is padding, put '' first, followed by any other reserved "
            "tokens, such as ['', '[START]', '[UNK]', *words]."
        )


def _as_texts(flat: Array, counts: Array, vocabulary: Vocabulary) -> tuple[list[str], Spans, Spans | None]:
    """Write texts of words, and tell where the tokens lie in them and where the words do that a tagger is to take.

    Where tokens are pieces of words, the tagger cuts the text itself. An unknown word stands in the text as its
    neighbours need it, and has no place, so that nothing is learned of it.
    """
    pieces, apart = pieces_of(vocabulary)
    known = np.array([number not in vocabulary.special for number in range(len(pieces))] + [False])
    sizes = np.array([*map(len, pieces), 0])
    spaces = np.array([*apart, False]) & ((sizes > 0) | known)
    size, space = sizes[flat], spaces[flat].astype(np.int64)
    first = np.concatenate([[0], np.cumsum(counts)])
    row = np.repeat(np.arange(len(counts)), counts)
    written = np.flatnonzero(size)
    # A text does not begin with the space of its first word.
    begins = written[np.diff(row[written], prepend=-1) != 0]
    leading = np.zeros(len(counts), np.int64)
    leading[row[begins]] = space[begins]
    space[begins] = 0
    ends = np.cumsum(size + space)
    before = np.concatenate([[0], ends])[first[:-1]]
    ends = ends - np.repeat(before, counts)
    starts = ends - size
    # One entry more, which a number of -1 finds as the last.
    parts = [" " + piece if spaced else piece for piece, spaced in zip([*pieces, ""], spaces.tolist(), strict=True)]
    numbers, bounds = [parts[number] for number in flat.tolist()], first.tolist()
    texts = [
        "".join(numbers[begin:end])[cut:]
        for begin, end, cut in zip(bounds[:-1], bounds[1:], leading.tolist(), strict=True)
    ]
    placed = known[flat] & (size > 0)
    spans = Spans(counts, np.where(placed, starts, 0).astype(np.int32), np.where(placed, ends, 0).astype(np.int32))
    if not all(apart):
        return texts, spans, None
    of_words = np.bincount(row[written], minlength=len(counts))
    given = Spans(of_words, starts[written].astype(np.int32), ends[written].astype(np.int32))
    return texts, spans, given
