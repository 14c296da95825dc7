"""What a worker is told of the partition it works on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from auxtasks.errors import AuxTasksError

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator


class Piece:
    """Where a partition stands, and the given labels of its samples.

    No dataclass, because Dask would look through one for collections, label by label.

    Parameters
    ----------
    number : int
        The partition's.
    place : str
        How errors call it.
    given : mapping of str to array-like
        The given columns, for the samples of this partition alone.
    """

    def __init__(self, number: int, place: str, given: Mapping[str, object]) -> None:
        self.number = number
        self.place = place
        self.given = given

    @contextmanager
    def named(self) -> Iterator[None]:
        """Name the partition in errors, which count the samples from its first one."""
        try:
            yield
        except AuxTasksError as error:
            raise type(error)(f"{self.place} (counted from its first sample): {error}") from error

    def own(self, generator: AuxTargetGenerator) -> AuxTargetGenerator:
        """Return the generator with draws of this partition's own, and without a progress bar.

        The first partition draws as all samples do in memory; others from seeds that follow from their number, so that
        whoever computes a partition, and how often, makes the same copies.
        """
        own = copy.copy(generator)
        own.progress = False
        if self.number:
            state = np.random.SeedSequence([generator.seed, self.number]).generate_state(1, np.uint64)
            own.seed = int(state[0])
        return own
