"""Timing several things in turns, so that what slows the machine down slows all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np


def in_turns(works: Sequence[Callable[[], object]], rounds: int) -> np.ndarray:
    """Do each work once without timing, then all of them in each round.

    Parameters
    ----------
    works : sequence of callable
        What to time.
    rounds : int
        How often.

    Returns
    -------
    ndarray, shape (rounds, len(works))
        Seconds.
    """
    for work in works:
        work()
    seconds = np.empty((rounds, len(works)))
    for place in np.ndindex(seconds.shape):
        start = time.perf_counter()
        works[place[1]]()
        seconds[place] = time.perf_counter() - start
    return seconds
