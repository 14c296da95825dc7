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

    Raises
    ------
    InvalidInputError
        If no tag is known at all, and parts of speech are needed; or there is no tag.

    Examples
    --------
    >>> columns, names = tag_columns(["NN", "IN", None], frozenset({"tag"}))
    >>> columns["tag"].tolist(), names["tag"]
    ([1, 0, -1], ('IN', 'NN'))
    """
    found = sorted({tag for tag in tags if tag})
    if tags and not found:
        raise InvalidInputError(
            "`pipeline`: the tagger gave no word a tag; train it, or give it another to fall back on (`backoff`)."
        )
    columns: dict[str, Array] = {}
    names: dict[str, tuple[str, ...]] = {}
    if "tag" in needs:
        names["tag"] = tuple(found)
        columns["tag"] = _codes(tags, {tag: at for at, tag in enumerate(found)})
    if "pos" in needs:
        universal = {tag: to_universal(tag) for tag in found}
        if found and not any(universal.values()):
            raise InvalidInputError(
                f"`pipeline`: the tagger's tags ({', '.join(map(repr, found[:8]))}, …) are neither those of the Penn "
                "Treebank nor universal ones, so that they stand for no universal part of speech; use the task "
                "'pos_fine', or a tagger with such tags."
            )
        names["pos"] = UNIVERSAL
        columns["pos"] = _codes(tags, {tag: UNIVERSAL.index(name or "X") for tag, name in universal.items()})
    return columns, names


def check_penn(tags: Sequence[str | None], need: str) -> None:
    """Refuse universal tags where NLTK needs those of the Penn Treebank.

    Parameters
    ----------
    tags : sequence of str or None
        The tags.
    need : str
        The column that is made of them.

    Raises
    ------
    InvalidInputError
        If there is a tag that only universal sets of tags have.
    """
    foreign = sorted({tag for tag in tags if tag in UNIVERSAL_ONLY})
    if foreign:
        raise InvalidInputError(
            f"`pipeline`: `{need}` is made of the tags of the Penn Treebank, and the tagger gives universal ones "
            f"({', '.join(map(repr, foreign[:8]))}); use a tagger of Penn tags, or leave out the tasks that need this."
        )


def _codes(tags: Sequence[str | None], numbers: dict[str, int]) -> Array:
    return np.fromiter((numbers[tag] if tag else -1 for tag in tags), np.int32, len(tags))
