"""Numbers about a text as a whole."""

from __future__ import annotations

import numpy as np

from auxtasks.registry import extractor
from auxtasks.text.documents import Documents
from auxtasks.typing import Array, Floats

STATISTICS: tuple[str, ...] = (
    "characters",
    "tokens",
    "mean token length",
    "type-token ratio",
    "share of capitals",
    "share of digits",
    "share of punctuation",
)


@extractor(
    "text_statistics",
    domain="text",
    kind="vector",
    log1p=True,
    classes=lambda _: STATISTICS,
    source="measures of stylometry; type-token ratio after Johnson 1944",
)
def text_statistics(X: Documents) -> Floats:
    """Lengths, variety of words and kinds of characters of a text.

    Parameters
    ----------
    X : Documents
        The texts.

    Returns
    -------
    ndarray of float32, shape (n, 7)
        The columns of `STATISTICS`: the number of characters, and of the model's tokens; the mean number of characters
        a token stands for; different words of the vocabulary over tokens; and the shares of capitals, digits and
        punctuation (anything but letters, digits and white space) among the characters. Counted over the whole text,
        also beyond the model's length. Without tokens the two ratios of tokens are NaN, without characters the shares.

    Examples
    --------
    >>> import auxtasks
    >>> targets = auxtasks.make_aux_targets(["So it goes. So.", "12"], "text", "text_statistics", scale=False)
    >>> targets["text_statistics"][:, :4].round(2).tolist()
    [[15.0, 4.0, 2.5, 0.75], [2.0, 1.0, 2.0, 1.0]]
    """
    characters = np.fromiter(map(len, X.texts), np.int64, X.n)
    tokens = X.spans.counts
    covered = np.bincount(X.spans.row, weights=X.spans.ends - X.spans.starts, minlength=X.n)
    row_and_word = X.spans.row * (len(X.vocabulary.words) + 1) + X.ids + 1
    types = np.bincount(np.unique(row_and_word) // (len(X.vocabulary.words) + 1), minlength=X.n)
    kinds = _kinds_of_characters(X, characters)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [covered / tokens, types / tokens, *(kinds / characters)]
    return np.stack([characters, tokens, *ratios], axis=1).astype(np.float32)


def _kinds_of_characters(X: Documents, lengths: Array) -> Array:
    """Count capitals, digits and punctuation in each text, shape (3, n)."""
    flat = np.frombuffer("".join(X.texts).encode("utf-32-le"), np.uint32)
    found, index = np.unique(flat, return_inverse=True)
    kinds = np.array([_kinds(chr(code)) for code in found.tolist()], np.int64).reshape(-1, 3)
    # A running sum, because reduceat would give an empty text the value of the next one.
    total = np.concatenate([np.zeros((1, 3), np.int64), np.cumsum(kinds[index], axis=0)])
    last = np.cumsum(lengths)
    counts: Array = (total[last] - total[last - lengths]).T
    return counts


def _kinds(character: str) -> tuple[bool, bool, bool]:
    plain = character.isalpha() or character.isdigit() or character.isspace()
    return character.isupper(), character.isdigit(), not plain
