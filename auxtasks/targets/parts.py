"""Some of the samples: those of certain numbers, or all of them in consecutive blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

from auxtasks.extractors.text.documents import Documents
from auxtasks.targets.samples import Dense, Ragged, Rows, Samples
from auxtasks.targets.tables import Table

BLOCK_ROWS = 256
BLOCK_BYTES = 32 * 1024 * 1024


def block_rows(samples: Samples | Documents) -> int:
    """Return how many samples a teacher is asked about at once: a power of two, fewer of large ones.

    Products of matrices round otherwise where there are more or fewer rows, so that in memory and on disk these are the
    same. A power of two has small common multiples with the blocks in which targets are computed.
    """
    per_row = max(1, prod(samples.row_shape) * samples.compute.itemsize)
    most = max(1, min(BLOCK_ROWS, BLOCK_BYTES // per_row))
    return 1 << (most.bit_length() - 1)


def some_of(samples: Samples | Documents, rows: Rows) -> Samples | Documents:
    """Return some samples alone, in the layout that they had."""
    if isinstance(samples, Table):
        return samples.take(rows)
    if isinstance(samples, Dense):
        return replace(samples, inputs=samples.inputs[rows])
    if isinstance(samples, Ragged):
        return replace(samples, series=tuple(samples.series[row] for row in samples.indices(rows)))
    return samples.read(rows) if isinstance(rows, slice) else samples.take(rows)


@dataclass(frozen=True, eq=False)
class InBlocks:
    """Samples block by block, as often as they are gone through, each with the number of its first sample."""

    samples: Samples | Documents
    rows: int
    first: int = 0  # the number of the first sample

    def __iter__(self) -> Iterator[tuple[int, Samples | Documents]]:
        for start in range(0, self.samples.n, self.rows):
            yield self.first + start, some_of(self.samples, slice(start, min(start + self.rows, self.samples.n)))
