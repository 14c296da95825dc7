"""Which heads a model gets: the targets that share one, and how large each is beside the model that they serve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.keras.heads import Head, HeadSize, MapHead, SampleHead, StepHead, TiedHead
from auxtasks.keras.trial import Shape
from auxtasks.specs import TargetSpec
from auxtasks.typing import Array
from auxtasks.validation import check_number


class HeadPlan(NamedTuple):
    """The targets that share a head, of which family it is, and the tap that it reads."""

    family: type[Head]
    specs: tuple[TargetSpec, ...]
    shape: Shape
    tie: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        return self.specs[0].name

    def sizes(self, components: Mapping[str, int]) -> Iterator[HeadSize]:
        return self.family.sizes(self.shape, self.specs, components)

    @property
    def largest(self) -> HeadSize:
        return next(self.sizes({}))

    def n_parameters(self, size: HeadSize) -> int:
        return self.family.n_parameters(self.shape, self.specs, size)


def plan_heads(
    specs: Mapping[str, TargetSpec],
    taps: Mapping[str, tuple[str, int, Shape]],
    ties: Mapping[str, tuple[Any, ...]],
    *,
    fused: bool = True,
) -> list[HeadPlan]:
    """Say which targets share a head: those of one family on one tap."""
    groups: dict[tuple[tuple[str, int, Shape], type[Head], str], list[TargetSpec]] = {}
    for name, spec in specs.items():
        family = TiedHead if name in ties else _family(spec, taps[name][2])
        # A decoder is a target's own, and so are an embedding's rows; a pooling is that of a place.
        part = name if family in (MapHead, TiedHead) or not fused else spec.spatial if family is SampleHead else ""
        groups.setdefault((taps[name], family, part), []).append(spec)
    return [
        HeadPlan(family, tuple(together), shape, ties.get(together[0].name, ()))
        for ((_, _, shape), family, _), together in groups.items()
    ]


def build_heads(plans: Sequence[HeadPlan], seed: int, sizes: Mapping[str, HeadSize]) -> list[Head]:
    heads = []
    for index, plan in enumerate(plans):
        rest = plan.tie or (sizes.get(plan.name, plan.largest),)
        head = plan.family(plan.specs, seed + 10 * index, *rest)
        head.build((None, *plan.shape))
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


DEFAULT_BUDGET = 0.1
FEWEST = 500_000
"""Heads may have so many parameters together, however small the model is: multiplications that cost next to nothing.

With HOG on MNIST, 50 labels, a linear head of 450,000 parameters gained about 5.5 points (three seeds); at rank 64 it
gained 4.8 and at rank 3 1.9 (one seed), and read place by place off the map 0.8.
"""
MOST_COMPONENTS = 64
EXPLAINED = 0.95
"""Principal components explain this share of the variance of a wide vector, unless there would be more of them."""
_MOST_ROWS = 1000


def sizes_of(
    plans: Sequence[HeadPlan], budget: float | None, base: keras.Model, values: Mapping[str, Array]
) -> tuple[dict[str, HeadSize], dict[str, Array]]:
    """Return the sizes of heads by name where they have to be smaller, and the components of their vectors."""
    if budget is None:
        return {}, {}
    allowed = max(FEWEST, int(check_number("head_budget", budget, low=0.0, high=1e6) * base.count_params()))
    # A tied head has next to no weights of its own.
    plans = [plan for plan in plans if plan.family is not TiedHead]
    if sum(plan.n_parameters(plan.largest) for plan in plans) <= allowed:
        return {}, {}
    components = _components(plans, values)
    possible = {plan.name: _sizes(plan, components) for plan in plans}
    smallest = {plan.name: plan.n_parameters(possible[plan.name][-1]) for plan in plans}
    if sum(smallest.values()) > allowed:
        raise _too_large(plans, smallest, allowed)
    sizes: dict[str, HeadSize] = {}
    # What a small head leaves of its share, larger ones may have.
    plans = sorted(plans, key=lambda plan: plan.n_parameters(plan.largest))
    for number, plan in enumerate(plans):
        rest = sum(smallest[other.name] for other in plans[number + 1 :])
        share = min(allowed - rest, max(allowed // (len(plans) - number), smallest[plan.name]))
        sizes[plan.name] = next(size for size in possible[plan.name] if plan.n_parameters(size) <= share)
        allowed -= plan.n_parameters(sizes[plan.name])
    used = {name for size in sizes.values() for name in size.components}
    return sizes, {name: components[name] for name in used}


def _sizes(plan: HeadPlan, components: Mapping[str, Array]) -> list[HeadSize]:
    """List sizes that a head can have, each with fewer parameters than the one before."""
    numbers = {spec.name: len(components[spec.name]) - 1 for spec in plan.specs if spec.name in components}
    found: list[HeadSize] = []
    for size in plan.sizes(numbers):
        if not found or plan.n_parameters(size) < plan.n_parameters(found[-1]):
            found.append(size)
    return found


def _components(plans: Sequence[HeadPlan], values: Mapping[str, Array]) -> dict[str, Array]:
    wide = [spec.name for plan in plans for spec in plan.specs if spec.kind == "vector" and spec.size > MOST_COMPONENTS]
    found = {name: principal_components(values[name]) for name in wide if name in values}
    return {name: each for name, each in found.items() if len(each) > 1}


def principal_components(values: Array) -> Array:
    """Return the mean of some vectors, and below it their principal components, each as long as its deviation.

    Of up to `MOST_COMPONENTS` these are as many as explain `EXPLAINED` of the variance of up to a thousand of the
    samples, evenly drawn. What is missing counts as the mean.
    """
    rows = np.asarray(values[:: -(-len(values) // _MOST_ROWS)], np.float64)
    present = ~np.isnan(rows)
    mean = np.where(present, rows, 0.0).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    centred = np.where(present, rows - mean, 0.0)
    variances, vectors = np.linalg.eigh(centred @ centred.T / len(rows))
    variances, vectors = np.maximum(variances[::-1], 0.0), vectors[:, ::-1]
    explained = np.cumsum(variances) / max(variances.sum(), 1e-300)
    n_kept = min(int(np.searchsorted(explained, EXPLAINED)) + 1, MOST_COMPONENTS, int((variances > 0).sum()))
    found = vectors[:, :n_kept].T @ centred / np.sqrt(len(rows))
    # An eigenvector may point either way.
    largest = np.abs(found).argmax(axis=1)
    found *= np.sign(found[np.arange(n_kept), largest])[:, np.newaxis]
    return np.concatenate([mean[np.newaxis], found]).astype(np.float32)


def _too_large(plans: Sequence[HeadPlan], smallest: Mapping[str, int], allowed: int) -> InvalidInputError:
    largest = max(plans, key=lambda plan: smallest[plan.name])
    names = ", ".join(repr(spec.name) for spec in largest.specs)
    return InvalidInputError(
        f"`head_budget` allows {allowed:,} parameters for the heads, but the smallest possible heads have "
        f"{sum(smallest.values()):,}: {smallest[largest.name]:,} of these for {names}, on a tap of shape "
        f"{largest.shape}. Name a layer with fewer features in `at`, leave tasks out, or raise the budget: "
        "head_budget=1.0 (as many parameters as the model has), or None."
    )
