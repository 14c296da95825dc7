"""Gradients task by task, one backward pass each: exact for every model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from auxtasks.keras.gradients.trunk import Trunk, dense, inner, over_replicas, total
from auxtasks.keras.weighting.conflicts import Conflicts


def gradients_of(tape: tf.GradientTape, losses: Sequence[Any], trunk: Trunk, scale: Any) -> list[list[Any]]:
    """Return the gradient of each loss.

    Parameters
    ----------
    tape : tf.GradientTape
        Persistent, with the forward pass on it.
    losses : sequence of tensor, shape ()
        The losses.
    trunk : Trunk
        The variables.
    scale : tensor, shape ()
        What losses are multiplied by so that half precision holds their gradients.

    Returns
    -------
    list of list of tensor or tf.IndexedSlices
        One for each loss and variable; None where the loss does not depend on the variable.
    """
    return [list(tape.gradient(loss, trunk.variables, output_gradients=scale)) for loss in losses]


def conflicts_of(main: Sequence[Any], tasks: Sequence[Sequence[Any]], trunk: Trunk) -> Conflicts:
    """Compare the gradients of the tasks with that of the main loss.

    Parameters
    ----------
    main : sequence of tensor
        The main gradient.
    tasks : sequence of sequences of tensor
        The gradient of each task; see `gradients_of`.
    trunk : Trunk
        The variables, told apart by layer or not.

    Returns
    -------
    Conflicts
        With `tasks`.
    """
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
    return tf.stack([tf.stack([total(part) for part in row]) for row in parts])
