"""Labels taken away: which, and what stands in their place."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from auxtasks.audit.hidden import without_labels
from auxtasks.errors import InvalidTypeError, unknown_name
from auxtasks.splits.drawing import drawn, n_to_hide
from auxtasks.splits.labels import as_labels, entries_present
from auxtasks.typing import Array
from auxtasks.validation import check_int


def hide_labels(
    y: Any, hide: float | Mapping[str, float], *, seed: int = 0, stratify: bool | None = None
) -> Array | dict[str, Array]:
    """Hide a share of the labels, so that the samples become unlabelled ones.

    Parameters
    ----------
    y : array-like or mapping of str to array-like
        Labels, one row for each sample; missing ones are -1 (integers) or NaN (floats). A mapping holds those of
        several tasks, such as ``targets.with_main(y)``.
    hide : float, int or mapping of str to these
        The share of the labels to hide (float), or how many (int), of those that are present; for all tasks or by name.
        Tasks that a mapping leaves out keep all.
    seed : int, default 0
        The same seed hides the same labels. In a mapping each task has its own draw, whatever other tasks there are.
    stratify : bool, optional
        Whether to hide the same share of each class, so that every class keeps a label at least. By default this is
        done where labels are classes: integers, booleans or one-hot rows. True takes floats for classes too. Of rows
        of 0 and 1, which are several labels, each label that has a sample with 1 keeps one.

    Returns
    -------
    ndarray, or dict of str to ndarray
        A copy with -1 or NaN where labels are hidden; for that booleans and unsigned integers become signed.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError
        If `hide` is out of range or leaves no label (when stratified, none for a class), or labels are not numbers or
        cannot be stratified.

    Notes
    -----
    A class of ``m`` of all ``n`` labels keeps ``m / n`` of those that are kept, give or take one, and one at least,
    which the other classes make up for. For several labels samples are kept greedily, one for the rarest label first,
    and the others drawn. Rows of which some entries are missing count as labelled; hidden rows are missing as a whole.
    The classes -1 and 1 of a hinge loss must be floats, since -1 among integers is a missing label.

    Examples
    --------
    >>> hide_labels([0, 1, 0, 1, 0, 1, 0, 1], 0.5, seed=2)
    array([-1, -1,  0, -1, -1,  1,  0,  1])
    >>> hidden = hide_labels({"main": np.arange(10) % 2, "angle": np.linspace(0, 1, 10)}, {"main": 0.8, "angle": 5})
    >>> int((hidden["main"] >= 0).sum()), int(np.isfinite(hidden["angle"]).sum())
    (2, 5)
    """
    seed = check_int("seed", seed, low=0)
    if not isinstance(y, Mapping):
        if isinstance(hide, Mapping):
            raise InvalidTypeError("`hide` by name needs `y` by name too, such as {'main': y}.")
        return _hidden("y", y, hide, np.random.default_rng(seed), stratify)
    if isinstance(hide, Mapping):
        for name in hide:
            if name not in y:
                raise unknown_name("hide", name, y, "task")
    asked = {name: hide.get(name, 0) if isinstance(hide, Mapping) else hide for name in y}
    return {
        # The draw of a task follows from its name, and from no other task.
        name: _hidden(
            name, labels, asked[name], np.random.default_rng([seed, zlib.crc32(str(name).encode())]), stratify
        )
        for name, labels in y.items()
    }


def _hidden(name: str, y: Any, hide: float, rng: np.random.Generator, stratify: bool | None) -> Array:
    labels = as_labels(name, y)
    rows = np.flatnonzero(entries_present(labels))
    count = n_to_hide(name, hide, len(rows))
    return without_labels(labels, rows[drawn(name, labels[rows], count, rng, stratify)]) if count else labels.copy()
