"""Timing several things in turns, so that what slows the machine down slows all of them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import numpy as np


def in_turns(
    works: Sequence[Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> np.ndarray:
    """Do each work once without timing, then all of them in each round; return seconds, (rounds, len(works))."""
    for work in works:
        work()
    seconds = np.empty((rounds, len(works)))
    for place in np.ndindex(seconds.shape):
        start = clock()
        works[place[1]]()
        seconds[place] = clock() - start
    return seconds


def medians(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each way, in turns."""
    return dict(zip(ways, np.median(in_turns(list(ways.values()), rounds), axis=0).tolist(), strict=True))


def provenance() -> dict[str, str]:
    """Return the commit and the date, as the CSV files hold them."""
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)  # noqa: S607
    return {"commit": said.stdout.strip(), "date": date.today().isoformat()}
