"""Labels of the user's own tokens, laid out on the steps of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from auxtasks.columns import Column, StepLabels, entries_of
from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.documents import Documents
from auxtasks.extractors.text.spans import align
from auxtasks.label_columns import as_labels
from auxtasks.typing import Array


def lay_out_labels(label_columns: Mapping[str, object], X: Documents) -> dict[str, object]:
    """Turn columns with a label for each token into columns with a label for each step of the model.

    A model's token takes the label of the given token that it follows by `auxtasks.extractors.text.spans.align`. Where
    all labels are of the IOB scheme, only the first piece of a token keeps its B-; the others go on with I-.
    """
    if X.of_ids:
        return {name: _lay_out(name, values, X, *_own_labels(X)) for name, values in label_columns.items()}
    if X.given is None:
        return dict(label_columns)
    owner = align(X.spans, X.given)
    return {name: _lay_out(name, values, X, X.given.counts, owner) for name, values in label_columns.items()}


def _own_labels(X: Documents) -> tuple[Array, Array]:
    """Return how many ids of each text have a label, and which of these labels each token has."""
    if X.rows is None or X.first_step is None:
        return X.spans.counts, np.arange(len(X.ids))
    return np.full(X.n, X.length), X.spans.row * X.length + X.first_step[X.spans.row] + X.spans.step


def _lay_out(name: str, values: object, X: Documents, counted: Array, owner: Array) -> object:
    lists = _lists(values)
    if lists is None or len(lists) != X.n:
        return values  # a wrong number is refused where all columns are
    counts = counted.tolist()
    lengths = [count if labels is None else len(labels) for labels, count in zip(lists, counts, strict=True)]
    wrong = next((row for row in range(X.n) if lengths[row] != counts[row]), None)
    if wrong is not None and len(set(lengths)) == 1 and _are_flags(lists):
        return values
    if wrong is not None:
        raise InvalidInputError(
            f"`label_columns`: {name!r} has {lengths[wrong]} labels for the {counts[wrong]} tokens of `X[{wrong}]`; "
            "give one for each token, None where it is missing."
        )
    known = [[None] * count if labels is None else labels for labels, count in zip(lists, counts, strict=True)]
    return _on_steps(as_labels(name, [label for labels in known for label in labels], None), X, owner)


def _lists(values: object) -> list[Sequence[object] | None] | None:
    """Return the lists of a column of lists, or None for anything else."""
    values = entries_of(values)
    if isinstance(values, np.ndarray):
        values = values.tolist() if values.ndim == 2 or values.dtype == object else None
    if not isinstance(values, (list, tuple)):
        return None
    rows = [entry.tolist() if isinstance(entry, np.ndarray) else entry for entry in values]
    of_lists = all(entry is None or isinstance(entry, (list, tuple)) for entry in rows)
    return rows if of_lists and any(entry is not None for entry in rows) else None


def _are_flags(lists: Sequence[Sequence[object] | None]) -> bool:
    return all(label in (-1, 0, 1) for labels in lists for label in labels or ())


def _on_steps(labels: Column, X: Documents, owner: Array) -> object:
    # One entry more, which a token that follows none finds as the last.
    missing = X.padded(np.append(labels.missing, True)[owner], True)
    if labels.family == "float":
        numbers = np.append(labels.values, np.nan)[owner]
        return X.padded(numbers, np.nan)[..., np.newaxis]
    filler = "" if labels.family == "string" else -1
    flat = np.append(labels.values, filler)[owner]
    if labels.family == "string" and _are_iob(labels):
        flat = _goes_on(flat, owner)
    return StepLabels(X.padded(flat, filler), missing, labels.family)


def _are_iob(labels: Column) -> bool:
    present = set(labels.values[~labels.missing].tolist())
    return "O" in present and all(label == "O" or label.startswith(("B-", "I-")) for label in present)


def _goes_on(flat: Array, owner: Array) -> Array:
    """Return labels of which a second piece of a token does not begin anything."""
    later = (np.diff(owner, prepend=-2) == 0) & (owner >= 0)
    pairs = zip(flat.tolist(), later.tolist(), strict=True)
    return np.array([f"I{label[1:]}" if piece and label[:1] == "B" else label for label, piece in pairs], object)
