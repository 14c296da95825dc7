"""Which heads a model gets: those of one family on one tap are one layer."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from auxtasks.keras.heads import Head, MapHead, SampleHead, StepHead
from auxtasks.keras.tied import TiedHead
from auxtasks.keras.ties import Tie
from auxtasks.keras.trial import Shape
from auxtasks.specs import TargetSpec


def build_heads(
    specs: Mapping[str, TargetSpec],
    taps: Mapping[str, tuple[str, int, Shape]],
    seed: int,
    ties: Mapping[str, tuple[Tie, keras.Layer]],
    *,
    fused: bool = True,
) -> list[Head]:
    """Build the heads of all targets: those of one family on one tap share a head.

    Parameters
    ----------
    specs : mapping of str to TargetSpec
        The targets.
    taps : mapping of str to (path, call, shape)
        The tap of each target, and its shape without the batch.
    seed : int
        Seeds the initial weights.
    ties : mapping of str to (Tie, keras.Layer)
        For the targets whose head is tied to an embedding, the rows and the embedding.
    fused : bool, default True
        Whether targets may share a head; tasks that are trained in turn must not.

    Returns
    -------
    list of Head
        Built, the targets of each in the order given.
    """
    groups: dict[tuple[tuple[str, int, Shape], type[Head], str], list[TargetSpec]] = {}
    for name, spec in specs.items():
        family = TiedHead if name in ties else _family(spec, taps[name][2])
        # A decoder is a target's own, and so are an embedding's rows; a pooling is that of a place.
        part = name if family in (MapHead, TiedHead) or not fused else spec.place if family is SampleHead else ""
        groups.setdefault((taps[name], family, part), []).append(spec)
    heads = []
    for index, (((_, _, shape), family, _), together) in enumerate(groups.items()):
        tied = ties.get(together[0].name, ())
        head = family(together, seed + 10 * index, f"aux_head_{index}", *tied)
        head.build((None, *shape))
        heads.append(head)
    return heads


def _family(spec: TargetSpec, shape: Shape) -> type[Head]:
    if spec.kind == "image":
        return MapHead
    if spec.kind == "step_class":
        return StepHead
    if spec.kind == "step_vector":
        return StepHead if len(shape) == 2 and shape[0] in (None, spec.shape[0]) else MapHead
    return SampleHead
