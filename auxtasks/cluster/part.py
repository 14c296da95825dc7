"""What one partition tells of all targets, small, and merged along a tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.cluster.piece import Piece
from auxtasks.compute.given_columns import encode_given
from auxtasks.compute.pipeline import compute_all
from auxtasks.compute.settings import checked_settings
from auxtasks.compute.task import Task
from auxtasks.errors import InvalidInputError
from auxtasks.inputs.samples import Ragged
from auxtasks.scaling.seen import Seen, see
from auxtasks.targets.reading import read_samples, tagged_samples

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator


@dataclass(frozen=True)
class Told:
    """What samples tell, if there are any.

    Parameters
    ----------
    seen : mapping of str to Seen
        By target.
    row_shape : tuple of int
        The shape of one sample before any task shortens it; of series that of the longest.
    compute : dtype
        The dtype in which the targets were computed.
    ragged : bool
        Whether they are series of different lengths.
    add_channel : bool
        Whether they have no channel axis.
    place : str
        How errors call the first partition among them.
    """

    seen: Mapping[str, Seen]
    row_shape: tuple[int, ...]
    compute: np.dtype[np.floating[Any]]
    ragged: bool
    add_channel: bool
    place: str

    def merged(self, other: Told, domain: str) -> Told:
        """Return what both sets of samples tell together."""
        free = 1 if domain == "signal" else 0
        if self.row_shape[free:] != other.row_shape[free:] or self.add_channel != other.add_channel:
            raise InvalidInputError(
                f"{other.place} has samples of shape {other.row_shape}, and {self.place} of {self.row_shape} (channels "
                "last); bring the samples to the same shape first."
            )
        return replace(
            self,
            seen={name: _merged(name, one, other.seen[name]) for name, one in self.seen.items()},
            row_shape=max(self.row_shape, other.row_shape),
            compute=np.promote_types(self.compute, other.compute),
            ragged=self.ragged or other.ragged or self.row_shape != other.row_shape,
        )


@dataclass(frozen=True)
class Part:
    """What some partitions tell.

    Parameters
    ----------
    rows : mapping of int to int
        The number of samples of each partition.
    told : Told or None
        None where there are no samples.
    domain : str
        What the samples are.
    """

    rows: Mapping[int, int]
    told: Told | None
    domain: str

    def merged(self, other: Part) -> Part:
        """Return what both tell together."""
        told = self.told or other.told
        if self.told is not None and other.told is not None:
            told = self.told.merged(other.told, self.domain)
        return Part({**self.rows, **other.rows}, told, self.domain)


def see_part(block: Any, piece: Piece, generator: AuxTargetGenerator, tasks: Sequence[Task]) -> Part:
    """Compute the unscaled targets of a partition, and keep only what they tell.

    Parameters
    ----------
    block : array-like or sequence
        The samples.
    piece : Piece
        Which partition it is.
    generator : AuxTargetGenerator
        Not fitted; with ``given_``, and for texts ``texts_``, as the passes before have found them.
    tasks : sequence of Task
        What to compute.

    Returns
    -------
    Part
        Of the size of a sample's targets, not of the partition.

    Raises
    ------
    AuxTasksError
        If the samples cannot be used; the partition is named.

    Examples
    --------
    >>> import auxtasks
    >>> from auxtasks.compute.tasklist import parse_tasks
    >>> generator = auxtasks.AuxTargetGenerator("signal")
    >>> generator.given_, generator.texts_ = {}, None
    >>> block, tasks = np.array([[1.0, 3.0], [2.0, 2.0]]), parse_tasks("signal", "std")
    >>> see_part(block, Piece(0, "partition 0 of `X`", {}), generator, tasks).told.seen["std"].statistics.moments.count
    array([2.])
    """
    if not len(block):
        return Part({piece.number: 0}, None, generator.domain)
    own = piece.own(generator)
    settings = checked_settings(own.get_params())
    with piece.named():
        samples = read_samples(block, own, settings, fitted=own.texts_ is not None)
        columns = encode_given(own.given_, piece.given, samples.n, None, settings.dtype)
        samples = tagged_samples(samples, own, tasks, fitted=True)
        computed = compute_all(samples, tasks, columns, settings)
        named = (*tasks, *(column.task for column in columns))
        seen = {task.name: see(task, computed.targets[task.name], scale=settings.scale) for task in named}
    told = Told(
        seen,
        samples.row_shape,
        samples.compute,
        isinstance(samples, Ragged),
        bool(getattr(samples, "add_channel", False)),
        piece.place,
    )
    return Part({piece.number: samples.n}, told, own.domain)


def _merged(name: str, one: Seen, other: Seen) -> Seen:
    try:
        return one.merged(other)
    except InvalidInputError as error:
        raise InvalidInputError(f"task {name!r}: {error}") from error
