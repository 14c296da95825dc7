"""The targets of partitions before they are scaled, and workers that keep them from fitting until they are used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from auxtasks.optional import require
from auxtasks.scale.dask_source import Partition, Source, layer
from auxtasks.targets.computing import Computed, compute_all
from auxtasks.targets.fitted import Fitted
from auxtasks.targets.samples import Ragged


@dataclass(frozen=True, eq=False)
class PartitionTargets:
    """What was computed of a partition, and what its samples are."""

    targets: Computed
    n: int
    row_shape: tuple[int, ...]
    compute: np.dtype[np.floating[Any]]
    ragged: bool
    add_channel: bool


def compute_part(block: Any, piece: Partition, draft: Fitted) -> PartitionTargets | None:
    if not len(block):
        return None
    own = piece.own(draft)
    with piece.named():
        samples = own.read(block)
        columns = own.encoded(piece.label_columns, samples.n)
        samples = own.tagged(samples)
        computed = compute_all(samples, own.tasks, columns, own.settings)
    return PartitionTargets(
        computed,
        samples.n,
        samples.row_shape,
        samples.compute,
        isinstance(samples, Ragged),
        bool(getattr(samples, "add_channel", False)),
    )


def compute_targets(block: Any, piece: Partition, draft: Fitted) -> PartitionTargets | None:
    """Compute the same without the inputs, which the model reads as they are."""
    part = compute_part(block, piece, draft)
    return part and replace(part, targets=replace(part.targets, inputs=np.empty(0)))


class Kept:
    """What the workers of a cluster hold, for as long as this object is there; another process has nothing of it."""

    def __init__(self, client: Any, parts: tuple[Any, ...]) -> None:
        self.client = client
        self.parts = parts  # delayed objects of `PartitionTargets`

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()

    @property
    def is_there(self) -> bool:
        """Whether the cluster is still the one that computes."""
        return _cluster() is self.client


SHARE = 0.05
"""Inputs of at most this share of all workers' memory have targets that are kept; others are computed twice."""


def kept_on_workers(source: Source, draft: Fitted, told_of: Sequence[Partition]) -> Kept | None:
    """Begin to compute the targets of all partitions on a cluster with room for them, and keep them there."""
    # Copies and shortened inputs would be kept too.
    if source.array is None or source.rows is None or draft.adding or draft.changes_inputs:
        return None
    client = _cluster()
    if client is None or source.array.nbytes > SHARE * _memory(client):
        return None
    shared = require("dask", extra="dask").delayed(draft, traverse=False)
    calls = [(compute_targets, block, piece, shared) for block, piece in zip(source.blocks, told_of, strict=True)]
    return Kept(client, tuple(client.persist(layer("compute", calls))))


def _cluster() -> Any:
    distributed = sys.modules.get("distributed")
    scheduler = require("dask", extra="dask").config.get("scheduler", None)
    if distributed is None or scheduler not in (None, "distributed", "dask.distributed"):
        return None
    try:
        client = distributed.default_client()
    except ValueError:
        return None
    return client if client.status == "running" and not client.asynchronous else None


def _memory(client: Any) -> int:
    """Return the bytes that workers may take, as far as they are told; some have no limit, and count as having none."""
    return sum(worker["memory_limit"] or 0 for worker in client.scheduler_info()["workers"].values())
