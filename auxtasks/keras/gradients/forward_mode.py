"""Inner products of the main gradient with those of all tasks at once, by one product in forward mode.

``<g_0, g_k> = <dL_k/dz, J g_0>``, where z is the tensor that the head of task k reads and J its derivative by the
variables of the trunk: one product ``J g_0`` serves all tasks. It is taken as the derivative of ``J^T u`` by u, which
is linear in u, and so from the forward pass that was recorded: dropout masks and batch statistics are the same ones.
In a graph the values of ``J^T u`` are never computed, since nothing depends on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from auxtasks.keras.gradients.trunk import Trunk, dense, inner, over_replicas, total
from auxtasks.keras.weighting.conflicts import Conflicts


class Taps:
    """The tensors that heads read, and the derivatives of the tasks' losses by them.

    Parameters
    ----------
    tape : tf.GradientTape
        Persistent, with the forward pass on it.
    outputs : sequence of tensor
        The tap of each task.
    losses : sequence of tensor, shape ()
        The loss of each task.
    scale : tensor, shape ()
        See `gradients_of`.
    """

    def __init__(self, tape: tf.GradientTape, outputs: Sequence[Any], losses: Sequence[Any], scale: Any) -> None:
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
        upstream = [tf.zeros_like(tensor) for tensor in self.tensors]
        for place, slope, factor in zip(self.place_of, self.slopes, factors, strict=True):
            upstream[place] += tf.cast(factor, slope.dtype) * slope
        return list(self.tape.gradient(self.tensors, trunk.variables, output_gradients=upstream))

    def tangents(self, direction: Sequence[Any], trunk: Trunk) -> list[Any]:
        """Return how each tap changes as the variables move in a direction.

        Raises
        ------
        LookupError
            If an operation of the model has no second derivative.
        """
        with tf.GradientTape(watch_accessed_variables=False) as outer:
            upstream = [tf.zeros_like(tensor) for tensor in self.tensors]
            outer.watch(upstream)
            pulled = dense(self.tape.gradient(self.tensors, trunk.variables, output_gradients=upstream))
        pairs = [
            (one, tf.cast(other, one.dtype))
            for one, other in zip(pulled, direction, strict=True)
            if one is not None and other is not None
        ]
        if not pairs:
            return [tf.zeros_like(tensor) for tensor in self.tensors]
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
    """Return the inner products of the main gradient with the gradient of every task.

    Parameters
    ----------
    main : sequence of tensor
        The main gradient; None where it does not depend on a variable.
    taps : Taps
        What the heads read.
    trunk : Trunk
        The variables, not told apart by layer.

    Returns
    -------
    Conflicts
        Without `tasks`.

    Raises
    ------
    LookupError
        If an operation of the model has no second derivative.
    """
    main = over_replicas(dense(main))
    squares = [None if part is None else inner(part, part) for part in main]
    norm = tf.sqrt(total([square for square in squares if square is not None]))
    # Of length 1, so that half precision holds what follows.
    unit = [None if part is None else tf.math.divide_no_nan(tf.cast(part, tf.float32), norm) for part in main]
    tangents = taps.tangents(unit, trunk)
    products = [norm * inner(slope, tangents[place]) for slope, place in zip(taps.slopes, taps.place_of, strict=True)]
    own = [
        total([square for square, known in zip(squares, reached, strict=True) if known and square is not None])
        for reached in taps.reached(trunk)
    ]
    return Conflicts(over_replicas(tf.stack(products))[None], tf.stack(own)[None])
