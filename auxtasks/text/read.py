"""The door for texts: strings or lists of tokens, checked one by one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.text.backends.base import Corpus
from auxtasks.text.spans import Spans

_SURROGATE = re.compile("[\ud800-\udfff]")
_EXPECTED = "a list of strings, a list of lists of tokens, a NumPy array of strings or a pandas Series"


def read_texts(X: object) -> Corpus:
    """Check texts, and join tokens to texts where tokens are given.

    Parameters
    ----------
    X : sequence of str or of sequences of str
        A list, tuple, one-dimensional NumPy array of strings or pandas Series: texts, or for each text its tokens.

    Returns
    -------
    Corpus
        The texts; given tokens are joined by single spaces.

    Raises
    ------
    InvalidTypeError
        If something is neither a string nor a list of strings; its place is named.
    InvalidInputError
        If there are no texts, a text holds a lone surrogate, or a given token is empty or blank.

    Examples
    --------
    >>> read_texts([["a", "dog"], ["hm"]]).texts
    ('a dog', 'hm')
    """
    entries = _entries(X)
    if not entries:
        raise InvalidInputError(f"`X` holds no texts; expected {_EXPECTED}.")
    if isinstance(entries[0], str):
        for row, entry in enumerate(entries):
            _check_text(entry, row, "a string, as the first entry is")
        return Corpus(tuple(map(str, entries)))
    lists = [_tokens(entry, row) for row, entry in enumerate(entries)]
    return Corpus(tuple(map(" ".join, lists)), _joined_spans(lists))


def _entries(X: object) -> Sequence[object]:
    if isinstance(X, str):
        raise InvalidTypeError(
            f"`X` is a single string, {X[:40]!r}; pass a list of texts, [text] if there is only one."
        )
    if hasattr(X, "to_numpy"):
        X = X.to_numpy()
    if isinstance(X, np.ndarray):
        if X.ndim != 1:
            raise InvalidInputError(
                f"`X` must have the shape (n,) for domain 'text', one text a sample; got shape {X.shape}. Pass one "
                "column, such as X[:, 0]."
            )
        X = X.tolist()
    if not isinstance(X, (list, tuple)):
        raise InvalidTypeError(f"`X` must be {_EXPECTED}; got {type(X).__name__}.")
    return X


def _check_text(text: object, row: int, expected: str) -> None:
    if isinstance(text, (bytes, np.bytes_)):
        raise InvalidTypeError(f"`X[{row}]` is bytes, {text[:40]!r}; decode it first, such as by .decode('utf-8').")
    if not isinstance(text, str):
        raise InvalidTypeError(
            f"`X[{row}]` must be {expected}; got {text!r:.60} of type {type(text).__name__}. Leave such samples out, "
            "or use '' for a text that is missing."
        )
    if not text.isascii() and (found := _SURROGATE.search(text)):
        raise InvalidInputError(
            f"`X[{row}]` holds a lone surrogate, {found.group()!r} at character {found.start()}, which no encoding can "
            "express; decode the text with errors='replace'."
        )


def _tokens(entry: object, row: int) -> Sequence[str]:
    if isinstance(entry, np.ndarray):
        entry = entry.tolist()
    if not isinstance(entry, (list, tuple)):
        # Raises for everything but a string, which the first entry is not.
        _check_text(entry, row, "a string or a list of tokens")
        raise InvalidTypeError(f"`X[{row}]` is a string, and `X[0]` is a list of tokens; pass all texts in one form.")
    for place, token in enumerate(entry):
        if not isinstance(token, str):
            raise InvalidTypeError(
                f"`X[{row}][{place}]` must be a token, a string; got {token!r:.60} of type {type(token).__name__}."
            )
        if not token.strip():
            raise InvalidInputError(f"`X[{row}][{place}]` is the blank token {token!r}; leave blank tokens out.")
        _check_text(token, row, "a string")
    return entry


def _joined_spans(lists: Iterable[Sequence[str]]) -> Spans:
    sizes = [[len(token) for token in tokens] for tokens in lists]
    counts = np.fromiter(map(len, sizes), np.int64, len(sizes))
    flat = np.fromiter((size for row in sizes for size in row), np.int64, int(counts.sum()))
    # Every token begins where the sizes before it in its text end, and one space later for each of them.
    before = np.cumsum(flat + 1) - (flat + 1)
    first = np.concatenate([[0], np.cumsum(counts)])[:-1]
    of_text = np.repeat(before[np.minimum(first, max(len(flat) - 1, 0))] if len(flat) else first, counts)
    starts = before - of_text
    return Spans(counts, starts.astype(np.int32), (starts + flat).astype(np.int32))
