"""The auxiliary part of the objective: the losses of all heads on one batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from keras import ops

from auxtasks.keras.forms import AuxBatch
from auxtasks.keras.heads import Head
from auxtasks.keras.losses import Total, loss_of, losses_of_vectors
from auxtasks.keras.plan import Plan
from auxtasks.keras.recording import Event
from auxtasks.specs import TargetSpec


def totals_by_task(heads: Iterable[Head], plan: Plan, events: Sequence[Event], batch: AuxBatch) -> dict[str, Total]:
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

    Returns
    -------
    dict of str to Total
        Sum (over chance) and count of each task; zero for tasks that the batch does not hold.
    """
    found: dict[str, Total] = {}
    for head in heads:
        specs = [spec for spec in head.specs if spec.name in batch.targets]
        if specs:
            found |= _totals(head, specs, plan.event_of(specs[0].name, events), batch)
    totals = ((spec, found.get(name, Total(0.0, 0.0))) for name, spec in plan.specs.items())
    return {spec.name: Total(total.loss / spec.chance, total.count) for spec, total in totals}


def relative_totals(heads: Iterable[Head], plan: Plan, events: Sequence[Event], batch: AuxBatch) -> Total:
    """Return what `totals_by_task` does, stacked: sums and counts, each of shape (number of tasks,)."""
    return stacked(totals_by_task(heads, plan, events, batch))


def stacked(totals: Mapping[str, Total]) -> Total:
    """Return the sums and counts of all tasks, each of shape (number of tasks,)."""
    return Total(*(ops.stack(parts) for parts in zip(*totals.values(), strict=True)))


def _totals(head: Head, specs: list[TargetSpec], event: Event, batch: AuxBatch) -> dict[str, Total]:
    """Return the totals of one head; whole vectors side by side are one expression."""
    if len(specs) == len(head.specs) > 1 and not batch.weights and all(spec.kind == "vector" for spec in specs):
        joined = ops.concatenate([ops.cast(batch.targets[spec.name], "float32") for spec in specs], axis=-1)
        total = losses_of_vectors([spec.size for spec in specs], joined, head(event.output, step_mask=event.mask))
        losses, counts = ops.unstack(total.loss, len(specs)), ops.unstack(total.count, len(specs))
        return {spec.name: Total(*pair) for spec, *pair in zip(specs, losses, counts, strict=True)}
    outputs = head.predict_from(event.output, event.mask)
    return {
        spec.name: loss_of(spec, batch.targets[spec.name], outputs[spec.name], event.mask, batch.weights.get(spec.name))
        for spec in specs
    }
