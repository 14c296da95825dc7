"""Labels that the user gives for every token, laid out on the model's own tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.text.alignment import align
from auxtasks.text.documents import Documents
from auxtasks.text.spans import Spans


def lay_out_labels(given: Mapping[str, object], X: Documents) -> dict[str, object]:
    """Turn columns with a label for each token into arrays with a label for each step of the model.

    Parameters
    ----------
    given : mapping of str to array-like
        Columns of labels. Where the user gave tokens, a list of lists has one label for each of them, None where it is
        missing; a text's list may be None too.
    X : Documents
        The texts.

    Returns
    -------
    dict of str to array-like
        These columns as arrays (n, length) of strings, None in the padding. Any other column is passed on, and so are
        lists of one length that is not that of the texts, such as a set of flags for each text.

    Raises
    ------
    InvalidInputError
        If texts have more or fewer labels than tokens.

    Notes
    -----
    A model's token takes the label of the given token that it follows by `auxtasks.text.alignment.align`.
    """
    spans = X.given
    if spans is None:
        return dict(given)
    return {
        name: values if (lists := _lists(values)) is None else _lay_out(name, lists, X, spans)
        for name, values in given.items()
    }


def _lists(values: object) -> Sequence[Sequence[object] | None] | None:
    """Return a list of lists, or None for anything else."""
    if not isinstance(values, (list, tuple)) or not any(isinstance(entry, (list, tuple)) for entry in values):
        return None
    return values if all(entry is None or isinstance(entry, (list, tuple)) for entry in values) else None


def _lay_out(name: str, lists: Sequence[Sequence[object] | None], X: Documents, given: Spans) -> object:
    counts = given.counts.tolist()
    lengths = [None if labels is None else len(labels) for labels in lists]
    if len(lists) != len(counts):
        return lists  # refused where all columns are
    wrong = [
        row for row, (length, count) in enumerate(zip(lengths, counts, strict=True)) if length not in (None, count)
    ]
    if wrong and len(set(lengths)) == 1:
        return lists
    if wrong:
        raise InvalidInputError(
            f"`given`: {name!r} has {lengths[wrong[0]]} labels for the {counts[wrong[0]]} tokens of `X[{wrong[0]}]`; "
            "give one for each token, None where it is missing."
        )
    known = [[None] * count if labels is None else labels for labels, count in zip(lists, counts, strict=True)]
    flat = [None if label is None else str(label) for labels in known for label in labels]
    # One entry more, which a token that follows none finds as the last.
    return X.padded(np.array([*flat, None], object)[align(X.spans, given)], None)
