"""Putting what one tokenizer's tokens carry on the tokens of another, by where they lie in the text."""

from __future__ import annotations

import numpy as np

from auxtasks.text.spans import Spans
from auxtasks.typing import Array


def align(tokens: Spans, tagged: Spans) -> Array:
    """Find the tagged token that each token takes its labels from.

    Parameters
    ----------
    tokens : Spans
        The model's tokens of n texts.
    tagged : Spans
        The tagger's tokens of the same texts, sorted and without overlap.

    Returns
    -------
    ndarray of int64, shape (number of tokens,)
        Places in the flat arrays of `tagged`; -1 where no tagged token shares a character with the token.

    Notes
    -----
    The rule: a token takes its labels from the tagged token that it shares most characters with, and of several that
    it shares equally many with, from the first. So the pieces of a tagged word all take the word's label, and a token
    that stands for several tagged ones ("don't" for "do" and "n't") takes that of the longest part.

    Examples
    --------
    >>> align(Spans.of([[(0, 5), (6, 8)]]), Spans.of([[(0, 2), (2, 5), (9, 12)]])).tolist()
    [1, -1]
    """
    # The texts are laid on one line, far enough apart that no range reaches into the next text.
    width = 1 + int(max(tokens.ends.max(initial=0), tagged.ends.max(initial=0)))
    starts, ends = _on_line(tokens, width)
    tagged_starts, tagged_ends = _on_line(tagged, width)
    first = np.searchsorted(tagged_ends, starts, side="right")
    beyond = np.searchsorted(tagged_starts, ends, side="left")
    owner: Array = np.where((beyond > first) & (ends > starts), first, -1)
    several = np.flatnonzero((owner >= 0) & (beyond > first + 1))
    if several.size:
        owner[several] = _largest_share(
            starts[several], ends[several], first[several], beyond[several], tagged_starts, tagged_ends
        )
    return owner


def _on_line(spans: Spans, width: int) -> tuple[Array, Array]:
    base = np.repeat(np.arange(spans.n, dtype=np.int64) * width, spans.counts)
    return base + spans.starts, base + spans.ends


def _largest_share(
    starts: Array, ends: Array, first: Array, beyond: Array, tagged_starts: Array, tagged_ends: Array
) -> Array:
    """Choose among the tagged tokens from `first` to before `beyond`, one round for each further candidate."""
    best, best_share = first.copy(), np.full(len(first), -1, np.int64)
    for candidate in range(int((beyond - first).max())):
        rows = np.flatnonzero(first + candidate < beyond)
        at = first[rows] + candidate
        share = np.minimum(ends[rows], tagged_ends[at]) - np.maximum(starts[rows], tagged_starts[at])
        more = share > best_share[rows]
        best[rows[more]] = at[more]
        best_share[rows[more]] = share[more]
    return best
