"""A progress bar over pieces of work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, cast

from auxtasks.optional import require

Part = TypeVar("Part")


def shown(parts: Iterable[Part], total: int | None, progress: bool, unit: str = "batch") -> Iterable[Part]:
    """Pass parts on, with a progress bar where asked.

    Parameters
    ----------
    parts : iterable
        The parts, made as they are asked for.
    total : int or None
        How many there will be; None if nobody knows.
    progress : bool
        Whether to show the bar.
    unit : str
        What a part is called.

    Returns
    -------
    iterable
        The parts.

    Raises
    ------
    MissingDependencyError
        If a bar is asked for and tqdm is not installed.

    Examples
    --------
    >>> list(shown(["a"], 1, progress=False))
    ['a']
    """
    if not progress:
        return parts
    bar = require("tqdm", extra="progress").tqdm(parts, total=total, desc="auxtasks", unit=unit)
    return cast("Iterable[Part]", bar)
