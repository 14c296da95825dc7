"""The variables that tasks share, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from auxtasks.backend import added, as_dense, over_replicas, scaled_by
from auxtasks.keras.layers import walk
from auxtasks.keras.weighting.by_gradient import Conflicts


@dataclass(frozen=True)
class Trunk:
    """The trainable variables of a base model.

    Parameters
    ----------
    variables : list of tensor
        In the order of the model.
    layers : list of int
        For each variable the number of the layer that holds it, from 0; all 0 where layers are not told apart.
    """

    variables: list[Any]
    layers: list[int]

    @classmethod
    def of(cls, base: keras.Model, by_layer: bool) -> Trunk:
        """Take the variables of a model, and the innermost layer of each if layers are told apart."""
        variables = base.trainable_variables
        owners: dict[int, int] = {}
        for number, (_, layer) in enumerate(walk(base)):
            owners |= {id(variable): number for variable in layer.trainable_variables}
        found = [owners.get(id(variable), -1) if by_layer else 0 for variable in variables]
        numbers = {owner: number for number, owner in enumerate(dict.fromkeys(found))}
        return cls([variable.value for variable in variables], [numbers[owner] for owner in found])

    @property
    def n_layers(self) -> int:
        """How many layers are told apart; 1 where they are not."""
        return max(self.layers, default=0) + 1


def dense(gradients: Sequence[Any]) -> list[Any]:
    """Return gradients as tensors, those of embeddings too; None stays None."""
    return [None if gradient is None else as_dense(gradient) for gradient in gradients]


def inner(one: Any, other: Any) -> Any:
    """Return the inner product of two tensors, in float32."""
    return ops.sum(ops.cast(one, "float32") * ops.cast(other, "float32"))


def total(values: Sequence[Any]) -> Any:
    """Return the sum of numbers, 0 of none."""
    return added(list(values)) if values else ops.zeros(())


def joined(parts: Sequence[tuple[Any, Any]]) -> Any:
    """Return the sum of gradients, each times its factor."""
    scaled = [gradient if factor is None else scaled_by(factor, gradient) for factor, gradient in parts]
    return added(scaled) if len(scaled) > 1 else next(iter(scaled), None)


def conflicts_of(main: Sequence[Any], tasks: Sequence[Sequence[Any]], trunk: Trunk) -> Conflicts:
    """Compare the gradients of the tasks with that of the main loss."""
    main = over_replicas(dense(main))
    products, own, others = (_table(trunk.n_layers, len(tasks)) for _ in range(3))
    for number, task in enumerate(tasks):
        for layer, of_main, of_task in zip(trunk.layers, main, over_replicas(dense(task)), strict=True):
            if of_task is None:
                continue
            others[layer][number].append(inner(of_task, of_task))
            if of_main is not None:
                products[layer][number].append(inner(of_main, of_task))
                own[layer][number].append(inner(of_main, of_main))
    return Conflicts(_summed(products), _summed(own), _summed(others))


def _table(n_rows: int, n_columns: int) -> list[list[list[Any]]]:
    return [[[] for _ in range(n_columns)] for _ in range(n_rows)]


def _summed(parts: list[list[list[Any]]]) -> Any:
    return ops.stack([ops.stack([total(part) for part in row]) for row in parts])


class Taps:
    """The tensors that heads read, and the derivatives of the tasks' losses by them, on TensorFlow.

    Parameters
    ----------
    tape : tf.GradientTape
        Persistent, with the forward pass on it.
    outputs : sequence of tensor
        The tap of each task.
    losses : sequence of tensor, shape ()
        The loss of each task.
    scale : tensor, shape ()
        What the losses are multiplied by, so that half precision holds their gradients.
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
            pulled = dense(self.tape.gradient(self.tensors, trunk.variables, output_gradients=upstream))
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
    main = over_replicas(dense(main))
    squares = [None if part is None else inner(part, part) for part in main]
    norm = ops.sqrt(total([square for square in squares if square is not None]))
    # Of length 1, so that half precision holds what follows.
    unit = [None if part is None else ops.divide_no_nan(ops.cast(part, "float32"), norm) for part in main]
    tangents = taps.tangents(unit, trunk)
    products = [norm * inner(slope, tangents[place]) for slope, place in zip(taps.slopes, taps.place_of, strict=True)]
    own = [
        total([square for square, known in zip(squares, reached, strict=True) if known and square is not None])
        for reached in taps.reached(trunk)
    ]
    return Conflicts(over_replicas(ops.stack(products))[None], ops.stack(own)[None])
