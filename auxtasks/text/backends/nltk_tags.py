"""Columns made of tags."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.text.backends.penn import UNIVERSAL_ONLY, to_universal
from auxtasks.text.backends.universal import UNIVERSAL
from auxtasks.typing import Array


def tag_columns(
    tags: Sequence[str | None], needs: frozenset[str]
) -> tuple[dict[str, Array], dict[str, tuple[str, ...]]]:
    """Return the columns ``"tag"`` and ``"pos"``, where needed, and their names.

    Parameters
    ----------
    tags : sequence of str or None
        The tags; None where the tagger knew none.
    needs : frozenset of str
        The columns that are needed; others than these two are left to others.

    Returns
    -------
    columns : dict of str to ndarray of int32
        Codes; -1 where there is no tag. A tag that is in no table has the part of speech X.
    names : dict of str to tuple of str
        What the codes stand for.

    Examples
    --------
    >>> columns, names = tag_columns(["NN", "IN", None], frozenset({"tag"}))
    >>> columns["tag"].tolist(), names["tag"]
    ([1, 0, -1], ('IN', 'NN'))
    """
    found = sorted({tag for tag in tags if tag})
    columns: dict[str, Array] = {}
    names: dict[str, tuple[str, ...]] = {}
    if "tag" in needs:
        names["tag"] = tuple(found)
        columns["tag"] = _codes(tags, {tag: at for at, tag in enumerate(found)})
    if "pos" in needs:
        names["pos"] = UNIVERSAL
        columns["pos"] = _codes(tags, {tag: UNIVERSAL.index(to_universal(tag) or "X") for tag in found})
    return columns, names


def check_tags(tags: Sequence[str | None], needs: frozenset[str]) -> None:
    """Refuse a tagger whose tags for training texts are of no use.

    Parameters
    ----------
    tags : sequence of str or None
        The tags; no tags at all are no fault.
    needs : frozenset of str
        The columns that are made of them.

    Raises
    ------
    InvalidInputError
        If no word has a tag; if parts of speech are needed and no tag stands for one; or if phrases or entities are
        needed, which are made of Penn tags, and there are tags that only universal sets have.

    Examples
    --------
    >>> check_tags(["NN", None], frozenset({"pos", "chunk_run"}))
    """
    found = sorted({tag for tag in tags if tag})
    if tags and not found:
        raise InvalidInputError(
            "`pipeline`: the tagger gave no word a tag; train it, or give it another to fall back on (`backoff`)."
        )
    if "pos" in needs and found and not any(map(to_universal, found)):
        raise InvalidInputError(
            f"`pipeline`: the tagger's tags ({', '.join(map(repr, found[:8]))}, …) are neither those of the Penn "
            "Treebank nor universal ones, so that they stand for no universal part of speech; use the task "
            "'pos_fine', or a tagger with such tags."
        )
    foreign = UNIVERSAL_ONLY.intersection(found)
    for need in sorted(needs - {"pos", "tag"} if foreign else ()):
        raise InvalidInputError(
            f"`pipeline`: `{need}` is made of the tags of the Penn Treebank, and the tagger gives universal ones "
            f"({', '.join(map(repr, sorted(foreign)[:8]))}); use a tagger of Penn tags, or leave out the tasks that "
            "need this."
        )


def _codes(tags: Sequence[str | None], numbers: dict[str, int]) -> Array:
    return np.fromiter((numbers[tag] if tag else -1 for tag in tags), np.int32, len(tags))
