"""One step of training under a weighting that looks at gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
from keras import ops

from auxtasks.backend import ON_TENSORFLOW, added, as_dense, is_traced, over_replicas, scaled_by
from auxtasks.keras.layers import walk
from auxtasks.keras.objective import Parts
from auxtasks.keras.private import layers_in
from auxtasks.keras.weighting.by_gradient import Answer, Conflicts, GradientWeighting, cosines

SAMPLED = 16
"""Cosines that nothing but the logs need are taken at every step of this number."""
_FORWARD_FROM = 3
"""From so many tasks on a product in forward mode is cheaper than a backward pass for each."""


class Pass(NamedTuple):
    """One forward pass: what gives its gradients, its loss, and the parts of this."""

    tape: Any
    total: Any
    parts: Parts
    weights: Sequence[Any]
    scale: Any

    def gradients(self, loss: Any, variables: Sequence[Any]) -> list[Any]:
        return list(self.tape.gradient(loss, variables, output_gradients=self.scale))

    def of_tasks(self, trunk: Trunk) -> list[list[Any]]:
        return [self.gradients(loss, trunk.variables) for loss in self.parts.losses]


def train_by_gradients(model: Any, tape: Any, loss: Any, parts: Parts) -> None:
    """Train on one batch: losses train the heads, and a weighting decides about the trunk."""
    weights = ops.unstack(ops.stop_gradient(parts.weights), len(parts.losses))
    forward = Pass(tape, loss, parts, weights, model.optimizer.scale_loss(ops.ones_like(loss)))
    trunk = Trunk.of(model.base, model._objective.by_gradient.by_layer)
    of_base = {id(variable) for variable in model.base.trainable_variables}
    others = [variable for variable in model.trainable_variables if id(variable) not in of_base]
    of_others = forward.gradients(loss, [variable.value for variable in others])
    of_trunk = _of_trunk(model, forward, trunk)
    pairs = zip((*others, *model.base.trainable_variables), (*of_others, *of_trunk), strict=True)
    gradients = {id(variable): gradient for variable, gradient in pairs}
    variables = model.trainable_variables
    model.optimizer.apply([gradients[id(variable)] for variable in variables], variables)


def _of_trunk(model: Any, forward: Pass, trunk: Trunk) -> list[Any]:
    objective, parts = model._objective, forward.parts
    weighting: GradientWeighting = objective.by_gradient
    main = forward.gradients(parts.main, trunk.variables)
    if weighting.wanted == "cosines":
        objective.note_cosines(_sampled(weighting.steps, forward, main, trunk), parts.state)
        objective.note_weights(ops.stack(forward.weights))
        return forward.gradients(forward.total, trunk.variables)
    taps, by_task = None, []
    if weighting.wanted == "products" and _can_go_forward(model, forward):
        outputs = [model._read_by(task) for task in model.specs]
        taps = Taps(forward.tape, outputs, parts.losses, forward.scale)
        try:
            conflicts = products_of(main, taps, trunk)
        except LookupError:  # an operation without a second derivative
            taps = None
    if taps is None:
        by_task = forward.of_tasks(trunk)
        conflicts = conflicts_of(main, by_task, trunk)
        objective.note_cosines(_whole_cosines(conflicts), parts.state)
    else:
        objective.note_cosines(_sampled(weighting.steps, forward, main, trunk), parts.state)
    answer = _checked(weighting.answer(conflicts), len(parts.losses))
    objective.note_weights(ops.stack(forward.weights), _shares(answer.scales, conflicts))
    weighting.note(_unscaled(conflicts, forward.scale), ops.stack(forward.weights), parts.state)
    if taps is None:
        return _put_together(main, by_task, answer, forward, trunk)
    return _pulled_together(main, taps, answer, forward, trunk)


def _can_go_forward(model: Any, forward: Pass) -> bool:
    """Tell whether a product in forward mode is possible and pays.

    Eager steps would compute the products that a graph leaves out, loops have no second derivative that is cheap, and
    a tied head depends on the trunk past its tap. Other backends than TensorFlow give no gradient from the middle of a
    step.
    """
    return (
        ON_TENSORFLOW
        and len(forward.parts.losses) >= _FORWARD_FROM
        and is_traced(forward.total)
        and not model._plan.ties
        and not any(isinstance(layer, keras.layers.RNN) for layer in layers_in(model.base, itself=True))
    )


def _put_together(
    main: Sequence[Any], by_task: Sequence[Sequence[Any]], answer: Answer, forward: Pass, trunk: Trunk
) -> list[Any]:
    found = []
    for place, layer in enumerate(trunk.layers):
        parts = [] if main[place] is None else [(forward.parts.main_factor, main[place])]
        for task, (gradients, weight) in enumerate(zip(by_task, forward.weights, strict=True)):
            if gradients[place] is None:
                continue
            factor = weight if answer.scales is None else weight * _entry(answer.scales, layer, task)
            parts.append((factor, gradients[place]))
            if answer.shifts is not None and main[place] is not None:
                parts.append((weight * answer.shifts[task], main[place]))
        found.append(_joined(parts))
    return found


def _pulled_together(main: Sequence[Any], taps: Taps, answer: Answer, forward: Pass, trunk: Trunk) -> list[Any]:
    """Return the gradient of each variable from the taps, with one backward pass for all tasks."""
    scales = [1.0 if answer.scales is None else _entry(answer.scales, 0, k) for k in range(len(forward.weights))]
    auxiliary = taps.pulled([weight * scale for weight, scale in zip(forward.weights, scales, strict=True)], trunk)
    reached = taps.reached(trunk)
    found = []
    for place, (one, other) in enumerate(zip(main, auxiliary, strict=True)):
        parts = [] if one is None else [(forward.parts.main_factor, one)]
        parts += [] if other is None else [(None, other)]
        if answer.shifts is not None and one is not None:
            shifts = [weight * answer.shifts[k] for k, weight in enumerate(forward.weights) if reached[k][place]]
            parts += [(_total(shifts), one)] if shifts else []
        found.append(_joined(parts))
    return found


def _checked(answer: Answer, n_tasks: int) -> Answer:
    """Return an answer in tensors; one number stands for all tasks."""

    def spread(part: Any) -> Any:
        part = None if part is None else ops.cast(part, "float32")
        return ops.full((n_tasks,), part) if part is not None and len(part.shape) == 0 else part

    return Answer(*map(spread, answer))


def _shares(scales: Any, conflicts: Conflicts) -> Any:
    """Return how much of each task is let through, shape (K,): the mean over the layers that it reaches."""
    if scales is None or len(scales.shape) < 2:
        return scales
    reached = ops.cast((conflicts.main if conflicts.tasks is None else conflicts.tasks) > 0, "float32")
    return ops.divide_no_nan(ops.sum(scales * reached, axis=0), ops.sum(reached, axis=0))


def _entry(scales: Any, layer: int, task: int) -> Any:
    return scales[layer, task] if len(scales.shape) == 2 else scales[task]


def _whole_cosines(conflicts: Conflicts) -> Any:
    """Return the cosine of each task over all layers, shape (K,); NaN where a gradient is 0."""
    whole = Conflicts(*(ops.sum(part, axis=0) for part in conflicts))
    return ops.where(whole.main * whole.tasks > 0, cosines(whole), float("nan"))


def _sampled(steps: Any, forward: Pass, main: Sequence[Any], trunk: Trunk) -> Any:
    """Return cosines at some steps and NaN at the others, shape (K,)."""

    def compute() -> Any:
        return _whole_cosines(conflicts_of(main, forward.of_tasks(trunk), trunk))

    due = ops.convert_to_tensor(steps) % SAMPLED == 0
    unknown = ops.full((len(forward.weights),), float("nan"), "float32")
    if is_traced(due):
        return ops.cond(due, compute, lambda: unknown)
    return compute() if bool(due) else unknown


def _unscaled(conflicts: Conflicts, scale: Any) -> Conflicts:
    square = ops.square(ops.cast(scale, "float32"))
    return Conflicts(*(None if part is None else part / square for part in conflicts))


@dataclass(frozen=True)
class Trunk:
    """The trainable variables of a base model, which tasks share, in the order of the model."""

    variables: list[Any]
    layers: list[int]  # for each variable the number of the one that holds it; all 0 where layers are not told apart

    @classmethod
    def of(cls, base: keras.Model, by_layer: bool) -> Trunk:
        variables = base.trainable_variables
        owners: dict[int, int] = {}
        for number, (_, layer) in enumerate(walk(base)):
            owners |= {id(variable): number for variable in layer.trainable_variables}
        found = [owners.get(id(variable), -1) if by_layer else 0 for variable in variables]
        numbers = {owner: number for number, owner in enumerate(dict.fromkeys(found))}
        return cls([variable.value for variable in variables], [numbers[owner] for owner in found])

    @property
    def n_layers(self) -> int:
        return max(self.layers, default=0) + 1


def _dense(gradients: Sequence[Any]) -> list[Any]:
    """Return gradients as tensors, those of embeddings too; None stays None."""
    return [None if gradient is None else as_dense(gradient) for gradient in gradients]


def _inner(one: Any, other: Any) -> Any:
    return ops.sum(ops.cast(one, "float32") * ops.cast(other, "float32"))


def _total(values: Sequence[Any]) -> Any:
    """Return the sum of numbers, 0 of none."""
    return added(list(values)) if values else ops.zeros(())


def _joined(parts: Sequence[tuple[Any, Any]]) -> Any:
    scaled = [gradient if factor is None else scaled_by(factor, gradient) for factor, gradient in parts]
    return added(scaled) if len(scaled) > 1 else next(iter(scaled), None)


def conflicts_of(main: Sequence[Any], tasks: Sequence[Sequence[Any]], trunk: Trunk) -> Conflicts:
    main = over_replicas(_dense(main))
    products, own, others = (_table(trunk.n_layers, len(tasks)) for _ in range(3))
    for number, task in enumerate(tasks):
        for layer, of_main, of_task in zip(trunk.layers, main, over_replicas(_dense(task)), strict=True):
            if of_task is None:
                continue
            others[layer][number].append(_inner(of_task, of_task))
            if of_main is not None:
                products[layer][number].append(_inner(of_main, of_task))
                own[layer][number].append(_inner(of_main, of_main))
    return Conflicts(_summed(products), _summed(own), _summed(others))


def _table(n_rows: int, n_columns: int) -> list[list[list[Any]]]:
    return [[[] for _ in range(n_columns)] for _ in range(n_rows)]


def _summed(parts: list[list[list[Any]]]) -> Any:
    return ops.stack([ops.stack([_total(part) for part in row]) for row in parts])


class Taps:
    """The tensors that heads read, and the derivatives of the tasks' losses by them, on TensorFlow.

    The tape is persistent. `outputs` and `losses` are those of each task, and `scale` multiplies the losses, so that
    half precision holds their gradients.
    """

    def __init__(self, tape: Any, outputs: Sequence[Any], losses: Sequence[Any], scale: Any) -> None:
        self.tape = tape
        self.tensors = list({id(output): output for output in outputs}.values())
        places = {id(tensor): place for place, tensor in enumerate(self.tensors)}
        self.place_of = [places[id(output)] for output in outputs]
        self.slopes = [
            tape.gradient(loss, output, output_gradients=scale, unconnected_gradients="zero")
            for loss, output in zip(losses, outputs, strict=True)
        ]

    def pulled(self, factors: Sequence[Any], trunk: Trunk) -> list[Any]:
        """Return the gradient of the trunk for the sum of the losses, each times its factor: one backward pass."""
        upstream = [ops.zeros_like(tensor) for tensor in self.tensors]
        for place, slope, factor in zip(self.place_of, self.slopes, factors, strict=True):
            upstream[place] += ops.cast(factor, slope.dtype) * slope
        return list(self.tape.gradient(self.tensors, trunk.variables, output_gradients=upstream))

    def tangents(self, direction: Sequence[Any], trunk: Trunk) -> list[Any]:
        """Return how each tap changes as the variables move in a direction."""
        import tensorflow as tf

        with tf.GradientTape(watch_accessed_variables=False) as outer:
            upstream = [ops.zeros_like(tensor) for tensor in self.tensors]
            outer.watch(upstream)
            pulled = _dense(self.tape.gradient(self.tensors, trunk.variables, output_gradients=upstream))
        pairs = [
            (one, ops.cast(other, one.dtype))
            for one, other in zip(pulled, direction, strict=True)
            if one is not None and other is not None
        ]
        if not pairs:
            return [ops.zeros_like(tensor) for tensor in self.tensors]
        targets, seeds = (list(part) for part in zip(*pairs, strict=True))
        return list(outer.gradient(targets, upstream, output_gradients=seeds, unconnected_gradients="zero"))

    def reached(self, trunk: Trunk) -> list[list[bool]]:
        """Tell for each task which variables its tap depends on; in a graph nothing of this is computed."""
        by_tap = [
            [gradient is not None for gradient in self.tape.gradient(tensor, trunk.variables)]
            for tensor in self.tensors
        ]
        return [by_tap[place] for place in self.place_of]


def products_of(main: Sequence[Any], taps: Taps, trunk: Trunk) -> Conflicts:
    """Return the inner products of the main gradient with the gradient of every task."""
    main = over_replicas(_dense(main))
    squares = [None if part is None else _inner(part, part) for part in main]
    norm = ops.sqrt(_total([square for square in squares if square is not None]))
    # Of length 1, so that half precision holds what follows.
    unit = [None if part is None else ops.divide_no_nan(ops.cast(part, "float32"), norm) for part in main]
    tangents = taps.tangents(unit, trunk)
    products = [norm * _inner(slope, tangents[place]) for slope, place in zip(taps.slopes, taps.place_of, strict=True)]
    own = [
        _total([square for square, known in zip(squares, reached, strict=True) if known and square is not None])
        for reached in taps.reached(trunk)
    ]
    return Conflicts(over_replicas(ops.stack(products))[None], ops.stack(own)[None])
