"""A progress bar over batches of texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from auxtasks.optional import require

Part = TypeVar("Part")


def shown(parts: Iterable[Part], total: int, progress: bool) -> Iterator[Part]:
    """Pass parts on, with a progress bar where asked.

    Parameters
    ----------
    parts : iterable
        The parts, made as they are asked for.
    total : int
        How many there will be.
    progress : bool
        Whether to show the bar.

    Yields
    ------
    object
        The parts.

    Examples
    --------
    >>> list(shown(["a"], 1, progress=False))
    ['a']
    """
    if not progress:
        yield from parts
    else:
        yield from require("tqdm", extra="progress").tqdm(parts, total=total, desc="auxtasks", unit="batch")
