"""The auxiliary part of the objective: the losses of all heads on one batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keras import ops

from auxtasks.keras.forms import AuxBatch
from auxtasks.keras.heads import Head
from auxtasks.keras.losses import Entries, Total, loss_of, losses_of_vectors
from auxtasks.keras.plan import Plan
from auxtasks.keras.recording import Event
from auxtasks.specs import TargetSpec


def totals_by_task(
    heads: Iterable[Head],
    plan: Plan,
    events: Sequence[Event],
    batch: AuxBatch,
    losses: Mapping[str, Entries],
    kept: dict[str, tuple[Any, Any]] | None = None,
) -> dict[str, Total]:
    """Return the loss over chance of every task on a batch.

    Parameters
    ----------
    heads : iterable of Head
        The heads.
    plan : Plan
        The targets and where their heads read.
    events : sequence of Event
        The calls of tapped layers in this forward pass.
    batch : AuxBatch
        Holds the targets, or some of them.
    losses : mapping of str to callable
        For tasks that have another loss than that of their kind.
    kept : dict, optional
        Where to put the linear output of each task and the mask of its tap.

    Returns
    -------
    dict of str to Total
        Sum (over chance) and count of each task; zero for tasks that the batch does not hold.
    """
    found: dict[str, Total] = {}
    for head in heads:
        specs = [spec for spec in head.specs if spec.name in batch.targets]
        if specs:
            found |= _totals(head, specs, plan.event_of(specs[0].name, events), batch, losses, kept)
    totals = ((spec, found.get(name, Total(0.0, 0.0))) for name, spec in plan.specs.items())
    return {spec.name: Total(total.loss / spec.chance, total.count) for spec, total in totals}


def stacked(totals: Mapping[str, Total]) -> Total:
    """Return the sums and counts of all tasks, each of shape (number of tasks,)."""
    return Total(*(ops.stack(parts) for parts in zip(*totals.values(), strict=True)))


def _totals(
    head: Head,
    specs: list[TargetSpec],
    event: Event,
    batch: AuxBatch,
    losses: Mapping[str, Entries],
    kept: dict[str, tuple[Any, Any]] | None,
) -> dict[str, Total]:
    """Return the totals of one head; whole vectors side by side are one expression."""
    alike = len(specs) == len(head.specs) > 1 and all(spec.kind == "vector" for spec in specs)
    if alike and kept is None and not any(spec.name in batch.weights or spec.name in losses for spec in specs):
        joined = ops.concatenate([ops.cast(batch.targets[spec.name], "float32") for spec in specs], axis=-1)
        total = losses_of_vectors([spec.size for spec in specs], joined, head(event.output, step_mask=event.mask))
        losses, counts = ops.unstack(total.loss, len(specs)), ops.unstack(total.count, len(specs))
        return {spec.name: Total(*pair) for spec, *pair in zip(specs, losses, counts, strict=True)}
    outputs = head.predict_from(event.output, event.mask)
    if kept is not None:
        kept |= {spec.name: (outputs[spec.name], event.mask) for spec in specs}
    targets, weights, mask = batch.targets, batch.weights, event.mask
    return {
        name: loss_of(spec, targets[name], outputs[name], mask, weights.get(name), losses.get(name))
        for name, spec in ((spec.name, spec) for spec in specs)
    }
