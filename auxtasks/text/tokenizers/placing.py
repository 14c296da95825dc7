"""Tokens given as strings, with their places; what has no place is told once."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from auxtasks.errors import AuxTasksWarning
from auxtasks.text.spans import Spans
from auxtasks.text.tokenizers.locate import NOWHERE, locate


def placed(texts: Sequence[str], lists: Sequence[Sequence[str]]) -> Spans:
    """Find where the tokens of many texts lie.

    Parameters
    ----------
    texts : sequence of str
        The texts.
    lists : sequence of sequences of str
        The tokens of each text.

    Returns
    -------
    Spans
        Their places; a token that is not in its text has none, and so gets no target.

    Warns
    -----
    AuxTasksWarning
        Once, if tokens are not in their texts, with their number and the first of them.

    Examples
    --------
    >>> placed(["So it goes"], [["so", "it", "goes"]]).starts.tolist()
    [0, 3, 6]
    """
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
        warnings.warn(
            f"`tokenizer`: {len(lost)} of {sum(map(len, lists))} tokens are not in their texts and get no targets. "
            f"The first is {token!r} in `X[{row}]`, {texts[row]!r:.80}. A function may return (start, end) pairs "
            "instead of strings, which says where tokens are.",
            AuxTasksWarning,
            stacklevel=2,
        )
    return Spans.of(ranges)
